// A certificate and key of one's own for tests of TLS.
#pragma once
#include <string>

namespace defuse::testing {

// PEM of a self-signed certificate for the address 127.0.0.1 (and no name), with its key.
std::string self_signed_certificate();

}  // namespace defuse::testing
