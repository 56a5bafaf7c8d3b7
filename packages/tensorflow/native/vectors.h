// What the kernels' loops are written with. Included by files that are compiled for the very processor alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace refconv {

namespace {

// Eight floats, at any address.
typedef float V8 __attribute__((vector_size(32), aligned(4)));
typedef int32_t I8 __attribute__((vector_size(32)));

inline V8 Load(const float* p) { return *reinterpret_cast<const V8*>(p); }
inline void Store(float* p, V8 value) { *reinterpret_cast<V8*>(p) = value; }

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
