// Two Ed25519 key pairs whose seeds are those of tests 1 and 2 of RFC 8032, 7.1, and a public key of another kind, in
// PEM form. For tests only: everybody has these private keys.
#pragma once

namespace defuse::testing {

inline constexpr const char* kPrivateKey1 =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
inline constexpr const char* kPublicKey1 =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr const char* kPrivateKey2 =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
inline constexpr const char* kPublicKey2 =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr const char* kCurveKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE49qEEIH1BMqmCHaIY7+2XcO1g540\n"
    "Gn9QYfoTNWQ5uCDntOg6Uo5vLrZwVlbR6emWq5LQ6zYphftTtMPznwPVJg==\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace defuse::testing
