// Whether AddressSanitizer or ThreadSanitizer is built in. Both need calls and memory that a worker's sandbox refuses:
// theirs is looser. Such a worker is a test's, never a release's. Header without code.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFUSED_SANITIZED 1
#else
#define DEFUSED_SANITIZED 0
#endif
