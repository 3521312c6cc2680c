// DEFUSE_WIDE before a function compiles it twice, for any x86-64 and for AVX2, and picks at start. AVX2 alone has no
// fused multiply-add, so that both give the same bits. Sanitizers see the plain one: they are not up yet when picks are
// made. Header without code.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define DEFUSE_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define DEFUSE_WIDE
#endif
