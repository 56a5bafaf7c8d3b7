// Batch norm with an activation inside, forward and backward. Compiled for the very processor (-march=native).

#include <cmath>

#include "blocks.h"
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

// Adds sums of two terms over pixels to total [2, width]. term(first number of the row, column, first sum, second sum) is called with
// a vector's sums, or with a single number's.
template <typename Term>
void AddBoth(const Grouping& grouping, int64_t pixels, double* total, const Term& term) {
  int64_t width = grouping.width, channels = grouping.channels, rows = pixels / grouping.group;
  float few[2][kChunk * kWidth];
  for (int64_t begin = 0; begin < rows; begin += kSingleRows) {
    int64_t end = std::min(rows, begin + kSingleRows), column = 0;
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
  for (int64_t pixel = rows * grouping.group; pixel < pixels; ++pixel) {
    for (int64_t c = 0; c < channels; ++c) {
      float sum = 0.0f, product = 0.0f;
      term(pixel * channels, c, sum, product);
      total[c] += sum;
      total[width + c] += product;
    }
  }
}

// So many numbers of an image, and of what is made of it, stay in the first cache.
constexpr int64_t kMapped = 2048;

// make(column, vector or number) gives what is to be done with that column of each row: a function of a place. All pixels, in vectors where
// they fit; what belongs to a column stays in registers for some rows.
template <typename Make>
void MapAll(const Grouping& grouping, int64_t pixels, const Make& make) {
  int64_t width = grouping.width, rows = pixels / grouping.group, some = std::max<int64_t>(1, kMapped / width);
  for (int64_t begin = 0; begin < rows; begin += some) {
    int64_t end = std::min(rows, begin + some), column = 0;
    auto down = [&](auto map) {
      for (int64_t place = begin * width + column, last = end * width; place < last; place += width) map(place);
    };
    for (; column + kWidth <= width; column += kWidth) down(make(column, V{}));
    for (; column < width; ++column) down(make(column, 0.0f));
  }
  for (int64_t pixel = rows * grouping.group; pixel < pixels; ++pixel) {
    for (int64_t c = 0; c < grouping.channels; ++c) make(c, 0.0f)(pixel * grouping.channels + c);
  }
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

// Of a number or a vector of them; what is no number stays none.
template <Activation activation, typename T>
inline T Activate(T z) {
  if (activation == Activation::kNone) return z;
  z = z < 0.0f ? T{} : z;
  if (activation == Activation::kRelu6) z = z > 6.0f ? T{} + 6.0f : z;
  return z;
}

// dy where the activation has slope 1 at z, else 0.
template <Activation activation, typename T>
inline T Gate(T dy, T z) {
  if (activation == Activation::kNone) return dy;
  auto open = z > 0.0f;
  if (activation == Activation::kRelu6) open &= z < 6.0f;
  return open ? dy : T{};
}

// Parts of the pixels depend on the sizes alone, never on the number of threads: so do the results.
struct Parts {
  int64_t pixels, size, count;
  Parts(const Grouping& grouping, int64_t pixels) : pixels(pixels) {
    size = std::max<int64_t>(1, (1 << 16) / grouping.width) * grouping.group;
    count = (pixels + size - 1) / size;
  }
  // body(part, first pixel, number of pixels)
  template <typename Body>
  void Run(Body body) const {
    Workers::Get().Run(count, [&](int64_t part) { body(part, part * size, std::min(size, pixels - part * size)); });
  }
};

}  // namespace

Grouping::Grouping(int64_t channels) : channels(channels) {
  int64_t fitting = std::lcm(channels, kChunk * kWidth) / channels;
  group = fitting * channels <= 2048 ? fitting : 1;
  width = group * channels;
}

std::vector<float> Grouping::Repeated(const float* values) const {
  std::vector<float> repeated(width);
  for (int64_t i = 0; i < group; ++i) std::copy(values, values + channels, repeated.data() + i * channels);
  return repeated;
}

std::vector<double> Grouping::Folded(const std::vector<double>& parts) const {
  std::vector<double> wide(2 * width), sums(2 * channels);
  SumParts(parts, parts.size() / (2 * width), 2 * width, wide.data());
  for (int64_t i = 0; i < width; ++i) {
    sums[i % channels] += wide[i];
    sums[channels + i % channels] += wide[width + i];
  }
  return sums;
}

void AddStatistics(const Grouping& grouping, const float* x, const float* origin, int64_t pixels, double* sums) {
  AddBoth(grouping, pixels, sums, [=](int64_t place, int64_t c, auto& sum, auto& square) {
    using T = std::remove_reference_t<decltype(sum)>;
    T d = Read<T>(x + place + c) - Read<T>(origin + c);
    sum += d;
    square += d * d;
  });
}

void FinishStatistics(const std::vector<double>& sums, const float* origin, int64_t pixels, int64_t channels, float* mean,
                      float* variance) {
  for (int64_t c = 0; c < channels; ++c) {
    double m = sums[c] / pixels;
    mean[c] = static_cast<float>(origin[c] + m);
    variance[c] = static_cast<float>(std::max(sums[channels + c] / pixels - m * m, 0.0));
  }
}

Normalizer::Normalizer(const NormParameters& given, int64_t channels)
    : grouping_(channels), activation_(given.activation), inverse_(given.inverse, given.inverse + channels) {
  std::vector<float> factor(channels);
  for (int64_t c = 0; c < channels; ++c) factor[c] = given.scale[c] * given.inverse[c];
  mean_ = grouping_.Repeated(given.mean);
  factor_ = grouping_.Repeated(factor.data());
  offset_ = grouping_.Repeated(given.offset);
}

template <typename Body>
void Normalizer::WithActivation(Body body) const {
  if (activation_ == Activation::kNone) body(std::integral_constant<Activation, Activation::kNone>());
  if (activation_ == Activation::kRelu) body(std::integral_constant<Activation, Activation::kRelu>());
  if (activation_ == Activation::kRelu6) body(std::integral_constant<Activation, Activation::kRelu6>());
}

void Normalizer::Normalize(const float* x, int64_t pixels, float* out, const float* addend) const {
  const float *m = mean_.data(), *f = factor_.data(), *o = offset_.data();
  auto normalize = [&](auto activation, auto adds) {
    MapAll(grouping_, pixels, [=](int64_t c, auto kind) {
      using T = decltype(kind);
      T mean = Read<T>(m + c), factor = Read<T>(f + c), offset = Read<T>(o + c);
      return [=](int64_t place) {
        T z = (Read<T>(x + place) - mean) * factor + offset;
        if constexpr (adds()) z += Read<T>(addend + place);
        Write(out + place, Activate<activation()>(z));
      };
    });
  };
  WithActivation([&](auto activation) {
    if (addend) return normalize(activation, std::true_type());
    normalize(activation, std::false_type());
  });
}

void Normalizer::AddSums(const float* dz, const float* x, int64_t pixels, double* sums) const {
  const float *m = mean_.data(), *f = factor_.data(), *o = offset_.data();
  WithActivation([&](auto activation) {
    AddBoth(grouping_, pixels, sums, [=](int64_t place, int64_t c, auto& sum, auto& product) {
      using T = std::remove_reference_t<decltype(sum)>;
      T centred = Read<T>(x + place + c) - Read<T>(m + c);
      T g = Gate<activation()>(Read<T>(dz + place + c), centred * Read<T>(f + c) + Read<T>(o + c));
      sum += g;
      product += g * centred;
    });
  });
}

void Normalizer::FinishSums(const std::vector<double>& sums, float* dscale, float* doffset) const {
  int64_t channels = grouping_.channels;
  for (int64_t c = 0; c < channels; ++c) {
    doffset[c] = static_cast<float>(sums[c]);
    dscale[c] = static_cast<float>(sums[channels + c] * inverse_[c]);
  }
}

// dx = f·(g − mean of g − x̂·mean of g·x̂), as g·f + (x − m)·slope + constant.
void Normalizer::SetGradients(const float* dscale, const float* doffset, int64_t pixels) {
  int64_t channels = grouping_.channels;
  std::vector<float> slope(channels), constant(channels);
  for (int64_t c = 0; c < channels; ++c) {
    double f = factor_[c];
    slope[c] = static_cast<float>(-f * inverse_[c] * dscale[c] / pixels);
    constant[c] = static_cast<float>(-f * doffset[c] / pixels);
  }
  slope_ = grouping_.Repeated(slope.data());
  constant_ = grouping_.Repeated(constant.data());
}

void Normalizer::Gradient(const float* dz, const float* x, int64_t pixels, float* dx) const {
  const float *m = mean_.data(), *f = factor_.data(), *o = offset_.data(), *a = slope_.data(), *b = constant_.data();
  WithActivation([&](auto activation) {
    MapAll(grouping_, pixels, [=](int64_t c, auto kind) {
      using T = decltype(kind);
      T mean = Read<T>(m + c), factor = Read<T>(f + c), offset = Read<T>(o + c), slope = Read<T>(a + c), constant = Read<T>(b + c);
      return [=](int64_t place) {
        T centred = Read<T>(x + place) - mean;
        T g = Gate<activation()>(Read<T>(dz + place), centred * factor + offset);
        Write(dx + place, g * factor + (centred * slope + constant));
      };
    });
  });
}

void BatchStatistics(const float* x, int64_t pixels, int64_t channels, float* mean, float* variance) {
  Grouping grouping(channels);
  Parts parts(grouping, pixels);
  // Sums of differences from the first pixel: without that, squares of large means would cancel.
  auto origin = grouping.Repeated(x);
  std::vector<double> sums(parts.count * 2 * grouping.width);
  parts.Run([&](int64_t part, int64_t first, int64_t count) {
    AddStatistics(grouping, x + first * channels, origin.data(), count, sums.data() + part * 2 * grouping.width);
  });
  FinishStatistics(grouping.Folded(sums), x, pixels, channels, mean, variance);
}

void Normalize(const float* x, const float* addend, int64_t pixels, int64_t channels, const NormParameters& norm, float* z) {
  Normalizer normalizer(norm, channels);
  Parts(normalizer.grouping(), pixels).Run([&](int64_t, int64_t first, int64_t count) {
    normalizer.Normalize(x + first * channels, count, z + first * channels, addend ? addend + first * channels : nullptr);
  });
}

void NormalizeSums(const float* dz, const float* x, int64_t pixels, int64_t channels, const NormParameters& norm, float* dscale,
                   float* doffset) {
  Normalizer normalizer(norm, channels);
  const Grouping& grouping = normalizer.grouping();
  Parts parts(grouping, pixels);
  std::vector<double> sums(parts.count * 2 * grouping.width);
  parts.Run([&](int64_t part, int64_t first, int64_t count) {
    normalizer.AddSums(dz + first * channels, x + first * channels, count, sums.data() + part * 2 * grouping.width);
  });
  normalizer.FinishSums(grouping.Folded(sums), dscale, doffset);
}

void NormalizeGradient(const float* dz, const float* x, int64_t pixels, int64_t channels, const NormParameters& norm, float* dx,
                       float* dscale, float* doffset) {
  NormalizeSums(dz, x, pixels, channels, norm, dscale, doffset);
  Normalizer normalizer(norm, channels);
  normalizer.SetGradients(dscale, doffset, pixels);
  Parts(normalizer.grouping(), pixels).Run([&](int64_t, int64_t first, int64_t count) {
    normalizer.Gradient(dz + first * channels, x + first * channels, count, dx + first * channels);
  });
}

}  // namespace refconv
