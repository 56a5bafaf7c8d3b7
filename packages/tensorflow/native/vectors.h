// What the kernels' loops are written with. Included by files that are compiled for the very processor alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace refconv {

namespace {

// Eight floats, at any address.
typedef float V8 __attribute__((vector_size(32), aligned(4)));
typedef int32_t I8 __attribute__((vector_size(32)));

inline V8 Load8(const float* p) { return *reinterpret_cast<const V8*>(p); }
inline void Store8(float* p, V8 value) { *reinterpret_cast<V8*>(p) = value; }

// As many floats as the processor computes with at once.
#if defined(__AVX512F__)
constexpr int64_t kWidth = 16;
#elif defined(__AVX__)
constexpr int64_t kWidth = 8;
#else
constexpr int64_t kWidth = 4;
#endif
typedef float V __attribute__((vector_size(kWidth * sizeof(float)), aligned(4)));
typedef int32_t I __attribute__((vector_size(kWidth * sizeof(float))));

inline V Load(const float* p) { return *reinterpret_cast<const V*>(p); }
inline void Store(float* p, V value) { *reinterpret_cast<V*>(p) = value; }

// The first `count` of a vector, fewer than it has; the others are zeros, or stay as they are.
#if defined(__AVX512F__)
inline V LoadPart(const float* p, int64_t count) { return _mm512_maskz_loadu_ps((1u << count) - 1, p); }
inline void StorePart(float* p, V value, int64_t count) { _mm512_mask_storeu_ps(p, (1u << count) - 1, value); }
#elif defined(__AVX__)
inline __m256i PartMask(int64_t count) {
  static const int32_t masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(masks + 8 - count));
}
inline V LoadPart(const float* p, int64_t count) { return _mm256_maskload_ps(p, PartMask(count)); }
inline void StorePart(float* p, V value, int64_t count) { _mm256_maskstore_ps(p, PartMask(count), value); }
#else
inline V LoadPart(const float* p, int64_t count) {
  V value = {};
  for (int64_t i = 0; i < count; ++i) value[i] = p[i];
  return value;
}
inline void StorePart(float* p, V value, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = value[i];
}
#endif

inline int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Sums the rows of parts [count, width].
template <typename T>
void SumParts(const std::vector<T>& parts, int64_t count, int64_t width, double* sums) {
  std::fill(sums, sums + width, 0.0);
  for (int64_t part = 0; part < count; ++part) {
    const T* row = parts.data() + part * width;
    for (int64_t i = 0; i < width; ++i) sums[i] += row[i];
  }
}

}  // namespace

}  // namespace refconv
