// Batch norm with an activation inside, forward and backward. Compiled for the very processor (-march=native).

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// So many vectors are taken together: their sums stay in registers.
#if defined(__AVX512F__)
constexpr int64_t kChunk = 4;
#else
constexpr int64_t kChunk = 2;
#endif

// A few sums are taken in single precision, all in double.
constexpr int64_t kSingleRows = 16;

// Parts depend on the sizes alone, never on the number of threads: so do the results.
constexpr int64_t kPartElements = 1 << 16;

// Images of few channels are taken as rows of `group` pixels, which fill vectors.
struct Rows {
  int64_t rows, channels, group = 1;

  Rows(int64_t rows, int64_t channels) : rows(rows), channels(channels) {
    int64_t fitting = std::lcm(channels, kChunk * kWidth) / channels;
    if (fitting * channels <= 2048 && rows >= kSingleRows * fitting) group = fitting;
  }
  int64_t width() const { return group * channels; }
  int64_t wholeRows() const { return rows / group; }
  int64_t partSize() const { return std::clamp<int64_t>(kPartElements / width(), 1, std::max<int64_t>(1, wholeRows())); }
  // The last part has the pixels that do not fill a row too.
  int64_t parts() const { return std::max<int64_t>(1, (wholeRows() + partSize() - 1) / partSize()); }

  // body(part, first row, last row), in the rows of `width`.
  template <typename Body>
  void Run(Body body) const {
    Workers::Get().Run(parts(), [&](int64_t part) {
      body(part, part * partSize(), std::min(wholeRows(), (part + 1) * partSize()));
    });
  }

  // A value of each channel, as many times as there are pixels in a row.
  std::vector<float> Repeated(const float* values) const {
    std::vector<float> repeated(width());
    for (int64_t i = 0; i < group; ++i) std::copy(values, values + channels, repeated.data() + i * channels);
    return repeated;
  }
};

// Sums of two terms for each channel. add(column of the width, row of it, first sum, second sum) is called with a vector's sums,
// or with a single number's where Number is float.
template <typename Term>
std::vector<double> SumBoth(const Rows& shape, const Term& term) {
  int64_t width = shape.width(), channels = shape.channels;
  std::vector<double> parts(shape.parts() * 2 * width);
  shape.Run([&](int64_t part, int64_t first, int64_t last) {
    double* total = parts.data() + part * 2 * width;
    float few[2][kChunk * kWidth];
    for (int64_t begin = first; begin < last; begin += kSingleRows) {
      int64_t end = std::min(last, begin + kSingleRows), column = 0;
      auto flush = [&](int64_t count) {
        for (int64_t i = 0; i < count; ++i) total[column + i] += few[0][i];
        for (int64_t i = 0; i < count; ++i) total[width + column + i] += few[1][i];
      };
      for (; column + kChunk * kWidth <= width; column += kChunk * kWidth) {
        V sum[kChunk] = {}, product[kChunk] = {};
        for (int64_t row = begin; row < end; ++row) {
#pragma GCC unroll 4
          for (int64_t i = 0; i < kChunk; ++i) term(row * width, column + i * kWidth, sum[i], product[i]);
        }
        for (int64_t i = 0; i < kChunk; ++i) {
          Store(few[0] + i * kWidth, sum[i]);
          Store(few[1] + i * kWidth, product[i]);
        }
        flush(kChunk * kWidth);
      }
      for (; column + kWidth <= width; column += kWidth) {
        V sum = {}, product = {};
        for (int64_t row = begin; row < end; ++row) term(row * width, column, sum, product);
        Store(few[0], sum);
        Store(few[1], product);
        flush(kWidth);
      }
      for (; column < width; ++column) {
        few[0][0] = few[1][0] = 0.0f;
        for (int64_t row = begin; row < end; ++row) term(row * width, column, few[0][0], few[1][0]);
        flush(1);
      }
    }
    if (part + 1 < shape.parts()) return;
    for (int64_t pixel = shape.wholeRows() * shape.group; pixel < shape.rows; ++pixel) {
      for (int64_t c = 0; c < channels; ++c) {
        float sum = 0.0f, product = 0.0f;
        term(pixel * channels, c, sum, product);
        total[c] += sum;
        total[width + c] += product;
      }
    }
  });
  std::vector<double> wide(2 * width), sums(2 * channels);
  SumParts(parts, shape.parts(), 2 * width, wide.data());
  for (int64_t i = 0; i < width; ++i) {
    sums[i % channels] += wide[i];
    sums[channels + i % channels] += wide[width + i];
  }
  return sums;
}

// map(place of the row, column) for all, in vectors where they fit: map.template operator()<V or float>.
template <typename Map>
void MapAll(const Rows& shape, const Map& map) {
  int64_t width = shape.width();
  shape.Run([&](int64_t part, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      int64_t column = 0;
      for (; column + kWidth <= width; column += kWidth) map(row * width, column, V{});
      for (; column < width; ++column) map(row * width, column, 0.0f);
    }
    if (part + 1 < shape.parts()) return;
    for (int64_t pixel = shape.wholeRows() * shape.group; pixel < shape.rows; ++pixel) {
      for (int64_t c = 0; c < shape.channels; ++c) map(pixel * shape.channels, c, 0.0f);
    }
  });
}

template <typename T>
inline T Read(const float* p);
template <>
inline V Read<V>(const float* p) {
  return Load(p);
}
template <>
inline float Read<float>(const float* p) {
  return *p;
}
inline void Write(float* p, V value) { Store(p, value); }
inline void Write(float* p, float value) { *p = value; }

template <Activation activation>
inline float Activate(float z) {
  if (activation == Activation::kNone) return z;
  z = z > 0.0f ? z : 0.0f;
  if (activation == Activation::kRelu6) z = z < 6.0f ? z : 6.0f;
  return z;
}

template <Activation activation>
inline V Activate(V z) {
  if (activation == Activation::kNone) return z;
  z = z > 0.0f ? z : V{};
  if (activation == Activation::kRelu6) z = z < 6.0f ? z : V{} + 6.0f;
  return z;
}

// dy where the activation has slope 1 at z, else 0.
template <Activation activation>
inline float Gate(float dy, float z) {
  if (activation == Activation::kRelu) return z > 0.0f ? dy : 0.0f;
  if (activation == Activation::kRelu6) return (z > 0.0f) & (z < 6.0f) ? dy : 0.0f;
  return dy;
}

template <Activation activation>
inline V Gate(V dy, V z) {
  if (activation == Activation::kNone) return dy;
  I open = z > 0.0f;
  if (activation == Activation::kRelu6) open &= z < 6.0f;
  return open ? dy : V{};
}

template <Activation activation>
void Scale(const float* x, const Rows& shape, const float* mean, const float* factor, const float* offset, float* y) {
  auto means = shape.Repeated(mean), factors = shape.Repeated(factor), offsets = shape.Repeated(offset);
  const float *m = means.data(), *f = factors.data(), *o = offsets.data();
  MapAll(shape, [=](int64_t place, int64_t c, auto kind) {
    using T = decltype(kind);
    T z = (Read<T>(x + place + c) - Read<T>(m + c)) * Read<T>(f + c) + Read<T>(o + c);
    Write(y + place + c, Activate<activation>(z));
  });
}

template <Activation activation>
void Gradient(const float* dy, const float* x, const Rows& shape, const float* scale, const float* offset, const float* mean,
              const float* inverse, float* dx, float* dscale, float* doffset) {
  int64_t channels = shape.channels, rows = shape.rows;
  // z = (x − m)·f + o, as in the forward pass, to the last bit.
  std::vector<float> factor(channels);
  for (int64_t c = 0; c < channels; ++c) factor[c] = scale[c] * inverse[c];
  auto means = shape.Repeated(mean), factors = shape.Repeated(factor.data()), offsets = shape.Repeated(offset);
  const float *m = means.data(), *f = factors.data(), *o = offsets.data();

  auto sums = SumBoth(shape, [=](int64_t place, int64_t c, auto& sum, auto& product) {
    using T = std::remove_reference_t<decltype(sum)>;
    T centred = Read<T>(x + place + c) - Read<T>(m + c);
    T g = Gate<activation>(Read<T>(dy + place + c), centred * Read<T>(f + c) + Read<T>(o + c));
    sum += g;
    product += g * centred;
  });

  // dx = f·(g − mean of g − x̂·mean of g·x̂), as g·f + (x − m)·slope + constant.
  std::vector<float> slope(channels), constant(channels);
  for (int64_t c = 0; c < channels; ++c) {
    double product = sums[channels + c] * inverse[c];
    doffset[c] = static_cast<float>(sums[c]);
    dscale[c] = static_cast<float>(product);
    double k = -static_cast<double>(factor[c]) * inverse[c] * product / rows;
    slope[c] = static_cast<float>(k);
    constant[c] = static_cast<float>(-factor[c] * sums[c] / rows);
  }
  auto slopes = shape.Repeated(slope.data()), constants = shape.Repeated(constant.data());
  const float *a = slopes.data(), *b = constants.data();
  MapAll(shape, [=](int64_t place, int64_t c, auto kind) {
    using T = decltype(kind);
    T centred = Read<T>(x + place + c) - Read<T>(m + c), factor = Read<T>(f + c);
    T g = Gate<activation>(Read<T>(dy + place + c), centred * factor + Read<T>(o + c));
    Write(dx + place + c, g * factor + (centred * Read<T>(a + c) + Read<T>(b + c)));
  });
}

}  // namespace

void BatchStatistics(const float* x, int64_t rows, int64_t channels, float* mean, float* variance) {
  Rows shape(rows, channels);
  // Sums of differences from the first row: without that, squares of large means would cancel.
  auto origins = shape.Repeated(x);
  const float* origin = origins.data();
  auto sums = SumBoth(shape, [=](int64_t place, int64_t c, auto& sum, auto& square) {
    using T = std::remove_reference_t<decltype(sum)>;
    T d = Read<T>(x + place + c) - Read<T>(origin + c);
    sum += d;
    square += d * d;
  });
  for (int64_t c = 0; c < channels; ++c) {
    double m = sums[c] / rows;
    mean[c] = static_cast<float>(x[c] + m);
    variance[c] = static_cast<float>(std::max(0.0, sums[channels + c] / rows - m * m));
  }
}

void ScaleAndActivate(const float* x, int64_t rows, int64_t channels, const float* mean, const float* factor,
                      const float* offset, Activation activation, float* y) {
  auto run = activation == Activation::kNone   ? Scale<Activation::kNone>
             : activation == Activation::kRelu ? Scale<Activation::kRelu>
                                               : Scale<Activation::kRelu6>;
  run(x, Rows(rows, channels), mean, factor, offset, y);
}

void BatchNormGradient(const float* dy, const float* x, int64_t rows, int64_t channels, const float* scale,
                       const float* offset, const float* mean, const float* inverse, Activation activation, float* dx,
                       float* dscale, float* doffset) {
  auto run = activation == Activation::kNone   ? Gradient<Activation::kNone>
             : activation == Activation::kRelu ? Gradient<Activation::kRelu>
                                               : Gradient<Activation::kRelu6>;
  run(dy, x, Rows(rows, channels), scale, offset, mean, inverse, dx, dscale, doffset);
}

}  // namespace refconv
