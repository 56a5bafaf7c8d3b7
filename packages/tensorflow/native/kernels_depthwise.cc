// Depthwise convolutions. Compiled for the very processor (-march=native).
//
// A row of pixels is one row of width·channels numbers, in which a shift by a pixel is a shift by the channels: vectors then fill
// whatever the channels are, as long as each meets its own channels' weights, which repeat after a period of both sizes.

#include <algorithm>
#include <cstring>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// Rows of the image with zeros around them. With stride s a row is kept as s rows, of every s-th pixel each, so that neighbours in
// the result are neighbours here too.
struct Padded {
  const DepthwiseShape& s;
  int64_t columns, plane, rowSize;

  explicit Padded(const DepthwiseShape& s) : s(s) {
    columns = (s.outWidth - 1) * s.stride + (s.kernel - 1) * s.dilation + 1;
    plane = (columns + s.stride - 1) / s.stride * s.channels;
    rowSize = s.stride * plane;
  }
  int64_t RowsFor(int64_t outRows) const { return (outRows - 1) * s.stride + (s.kernel - 1) * s.dilation + 1; }
  // Vectors read beyond the last row.
  int64_t SizeFor(int64_t outRows) const { return RowsFor(outRows) * rowSize + kWidth; }
  // How far in a row the numbers lie that column k of the kernel meets.
  int64_t Offset(int64_t k) const { return k * s.dilation % s.stride * plane + k * s.dilation / s.stride * s.channels; }

  // What the rows [firstOut, firstOut + outRows) of the result need of the image.
  void Fill(const float* image, int64_t firstOut, int64_t outRows, float* out) const {
    int64_t first = firstOut * s.stride - s.padTop, rows = RowsFor(outRows), channels = s.channels;
    for (int64_t row = 0; row < rows; ++row, out += rowSize) {
      int64_t h = first + row;
      if (h < 0 || h >= s.height) {
        std::fill(out, out + rowSize, 0.0f);
        continue;
      }
      const float* in = image + h * s.width * channels;
      if (s.stride == 1) {
        int64_t begin = std::clamp<int64_t>(s.padLeft, 0, columns);
        int64_t end = std::clamp<int64_t>(s.padLeft + s.width, begin, columns);
        std::fill(out, out + begin * channels, 0.0f);
        std::memcpy(out + begin * channels, in + (begin - s.padLeft) * channels, (end - begin) * channels * sizeof(float));
        std::fill(out + end * channels, out + rowSize, 0.0f);
        continue;
      }
      for (int64_t phase = 0; phase < s.stride; ++phase) {
        float* pixel = out + phase * plane;
        for (int64_t column = phase; pixel < out + (phase + 1) * plane; column += s.stride, pixel += channels) {
          int64_t w = column - s.padLeft;
          bool inside = w >= 0 && w < s.width;
          const float* from = in + w * channels;
          int64_t c = 0;
          for (; c + 8 <= channels; c += 8) Store8(pixel + c, inside ? Load8(from + c) : V8{});
          for (; c < channels; ++c) pixel[c] = inside ? from[c] : 0.0f;
        }
      }
    }
    std::fill(out, out + kWidth, 0.0f);
  }
};

// So many numbers of a row, rounded up to vectors, meet weights of their own.
int64_t Period(const DepthwiseShape& s) {
  return std::min(std::lcm(s.channels, kWidth), RoundUp(s.outWidth * s.channels, kWidth));
}

// Rows of the result that are computed together: what they need of the image fits into the second cache.
int64_t BlockRows(const DepthwiseShape& s) {
  int64_t row = Padded(s).rowSize * s.stride;
  return std::clamp<int64_t>((1 << 16) / row, std::min<int64_t>(4, s.outHeight), s.outHeight);
}

// Rows of the result, of rows that are padded.
template <int64_t K>
void ConvolveRows(const float* padded, const Padded& layout, const float* weights, int64_t rows, float* y) {
  const DepthwiseShape& s = layout.s;
  int64_t size = s.outWidth * s.channels, period = Period(s), step = layout.rowSize * s.dilation;
  int64_t offset[K];
  for (int64_t k = 0; k < K; ++k) offset[k] = layout.Offset(k);
  for (int64_t phase = 0; phase < period && phase < size; phase += kWidth) {
    V weight[K][K];
    for (int64_t i = 0; i < K; ++i) {
      for (int64_t k = 0; k < K; ++k) weight[i][k] = Load(weights + (i * K + k) * period + phase);
    }
    for (int64_t row = 0; row < rows; ++row) {
      const float* in = padded + row * s.stride * layout.rowSize;
      float* out = y + row * size;
      for (int64_t j = phase; j < size; j += period) {
        V sum[K] = {};
#pragma GCC unroll 8
        for (int64_t i = 0; i < K; ++i) {
#pragma GCC unroll 8
          for (int64_t k = 0; k < K; ++k) sum[i] += weight[i][k] * Load(in + i * step + offset[k] + j);
        }
#pragma GCC unroll 8
        for (int64_t i = 1; i < K; ++i) sum[0] += sum[i];
        if (j + kWidth <= size) {
          Store(out + j, sum[0]);
        } else {
          StorePart(out + j, sum[0], size - j);
        }
      }
    }
  }
}

// Sums for the rows [firstKernel, firstKernel + R) of the kernel, added to gradient [K, K, period].
template <int64_t K, int64_t R>
void KernelRows(const float* padded, const Padded& layout, const float* dy, int64_t rows, int64_t firstKernel, float* gradient) {
  const DepthwiseShape& s = layout.s;
  int64_t size = s.outWidth * s.channels, period = Period(s), step = layout.rowSize * s.dilation;
  int64_t offset[K];
  for (int64_t k = 0; k < K; ++k) offset[k] = layout.Offset(k);
  for (int64_t phase = 0; phase < period && phase < size; phase += kWidth) {
    V sum[R][K] = {};
    for (int64_t row = 0; row < rows; ++row) {
      const float* in = padded + row * s.stride * layout.rowSize + firstKernel * step;
      const float* slope = dy + row * size;
      auto add = [&](V d, int64_t j) {
#pragma GCC unroll 8
        for (int64_t i = 0; i < R; ++i) {
#pragma GCC unroll 8
          for (int64_t k = 0; k < K; ++k) sum[i][k] += d * Load(in + i * step + offset[k] + j);
        }
      };
      int64_t j = phase;
      for (; j + kWidth <= size; j += period) add(Load(slope + j), j);
      if (j < size) add(LoadPart(slope + j, size - j), j);
    }
    for (int64_t i = 0; i < R; ++i) {
      for (int64_t k = 0; k < K; ++k) {
        float* target = gradient + ((firstKernel + i) * K + k) * period + phase;
        Store(target, Load(target) + sum[i][k]);
      }
    }
  }
}

template <int64_t K>
void KernelGradientRows(const float* padded, const Padded& layout, const float* dy, int64_t rows, float* gradient) {
  if (K == 3) return KernelRows<K, 3>(padded, layout, dy, rows, 0, gradient);
  for (int64_t i = 0; i < K; ++i) KernelRows<K, 1>(padded, layout, dy, rows, i, gradient);
}

// The weights of each place of a period, perhaps turned by half a turn.
std::vector<float> Repeated(const float* kernel, const DepthwiseShape& s, bool turned) {
  int64_t period = Period(s), taps = s.kernel * s.kernel;
  std::vector<float> repeated(taps * period);
  for (int64_t tap = 0; tap < taps; ++tap) {
    const float* from = kernel + (turned ? taps - 1 - tap : tap) * s.channels;
    for (int64_t i = 0; i < period; ++i) repeated[tap * period + i] = from[i % s.channels];
  }
  return repeated;
}

void Convolve(const float* x, const float* kernel, const DepthwiseShape& s, bool turned, float* y) {
  Padded layout(s);
  int64_t block = BlockRows(s), blocks = (s.outHeight + block - 1) / block;
  auto weights = Repeated(kernel, s, turned);
  auto rows = s.kernel == 3 ? ConvolveRows<3> : s.kernel == 5 ? ConvolveRows<5> : ConvolveRows<7>;
  Workers::Get().Run(s.batch * blocks, [&](int64_t part) {
    thread_local std::vector<float> padded;
    int64_t image = part / blocks, first = part % blocks * block, count = std::min(block, s.outHeight - first);
    padded.resize(layout.SizeFor(block));
    layout.Fill(x + image * s.height * s.width * s.channels, first, count, padded.data());
    rows(padded.data(), layout, weights.data(), count, y + (image * s.outHeight + first) * s.outWidth * s.channels);
  });
}

// The gradient of x for a stride above 1: a pixel meets every stride-th element of the kernel, which ones depends on its place
// modulo the stride. Pixels of the same place are one convolution of dy at stride 1; they are computed together, then strewn.
void StridedInputGradient(const float* dy, const float* kernel, const DepthwiseShape& s, float* dx) {
  int64_t stride = s.stride, taps = (s.kernel + stride - 1) / stride, channels = s.channels;
  int64_t firstColumn = s.padLeft / stride, columns = (s.width - 1 + s.padLeft) / stride + 1 - firstColumn;
  // Where row b of dy and those above it are met by the rows h of x with (h + padTop) / stride = b.
  DepthwiseShape met{s.batch, s.outHeight, s.outWidth, channels, 0,        columns,
                     taps,    1,           1,          taps - 1, taps - 1 - firstColumn};
  Padded layout(met);
  int64_t size = columns * channels, period = Period(met);
  std::vector<float> weights(s.kernel * s.kernel * period);
  for (int64_t tap = 0; tap < s.kernel * s.kernel; ++tap) {
    for (int64_t i = 0; i < period; ++i) weights[tap * period + i] = kernel[tap * channels + i % channels];
  }
  int64_t block = std::clamp<int64_t>((1 << 15) / (s.width * channels), std::min<int64_t>(8, s.height), s.height);
  int64_t blocks = (s.height + block - 1) / block;
  Workers::Get().Run(s.batch * blocks, [&](int64_t part) {
    int64_t image = part / blocks, first = part % blocks * block, last = std::min(s.height, first + block);
    int64_t firstRow = (first + s.padTop) / stride, rows = (last - 1 + s.padTop) / stride + 1 - firstRow;
    thread_local std::vector<float> padded, together;
    padded.resize(layout.SizeFor(rows));
    int64_t plane = RoundUp(size, kWidth);
    together.resize(stride * plane);
    layout.Fill(dy + image * s.outHeight * s.outWidth * channels, firstRow, rows, padded.data());
    for (int64_t h = first; h < last; ++h) {
      int64_t row = (h + s.padTop) / stride - firstRow, i0 = (h + s.padTop) % stride;
      for (int64_t k0 = 0; k0 < stride; ++k0) {
        const float *from[16], *weight[16];
        int64_t count = 0;
        for (int64_t i = i0, t = 0; i < s.kernel; i += stride, ++t) {
          for (int64_t k = k0, u = 0; k < s.kernel; k += stride, ++u, ++count) {
            from[count] = padded.data() + (row + taps - 1 - t) * layout.rowSize + (taps - 1 - u) * channels;
            weight[count] = weights.data() + (i * s.kernel + k) * period;
          }
        }
        float* out = together.data() + k0 * plane;
        for (int64_t j = 0, phase = 0; j < size; j += kWidth, phase = phase + kWidth == period ? 0 : phase + kWidth) {
          V sum = {};
          for (int64_t n = 0; n < count; ++n) sum += Load(from[n] + j) * Load(weight[n] + phase);
          Store(out + j, sum);
        }
      }
      float* pixel = dx + (image * s.height + h) * s.width * channels;
      for (int64_t w = 0; w < s.width; ++w, pixel += channels) {
        int64_t column = w + s.padLeft, c = 0;
        const float* in = together.data() + column % stride * plane + (column / stride - firstColumn) * channels;
        for (; c + 8 <= channels; c += 8) Store8(pixel + c, Load8(in + c));
        for (; c < channels; ++c) pixel[c] = in[c];
      }
    }
  });
}

}  // namespace

void Depthwise(const float* x, const float* kernel, const DepthwiseShape& s, float* y) { Convolve(x, kernel, s, false, y); }

void DepthwiseInputGradient(const float* dy, const float* kernel, const DepthwiseShape& s, float* dx) {
  if (s.stride == 1) {
    // The convolution of dy with the turned kernel.
    int64_t reach = (s.kernel - 1) * s.dilation;
    DepthwiseShape turned{s.batch, s.outHeight, s.outWidth, s.channels,       s.height,         s.width,
                          s.kernel, 1,          s.dilation, reach - s.padTop, reach - s.padLeft};
    return Convolve(dy, kernel, turned, true, dx);
  }
  StridedInputGradient(dy, kernel, s, dx);
}

void DepthwiseKernelGradient(const float* x, const float* dy, const DepthwiseShape& s, float* gradient) {
  Padded layout(s);
  int64_t taps = s.kernel * s.kernel, period = Period(s), block = BlockRows(s);
  int64_t parts = std::min<int64_t>(s.batch, 16);
  std::vector<float> partial(parts * taps * period);
  auto rows = s.kernel == 3 ? KernelGradientRows<3> : s.kernel == 5 ? KernelGradientRows<5> : KernelGradientRows<7>;
  Workers::Get().Run(parts, [&](int64_t part) {
    thread_local std::vector<float> padded;
    padded.resize(layout.SizeFor(block));
    float* target = partial.data() + part * taps * period;
    for (int64_t image = part * s.batch / parts; image < (part + 1) * s.batch / parts; ++image) {
      for (int64_t first = 0; first < s.outHeight; first += block) {
        int64_t count = std::min(block, s.outHeight - first);
        layout.Fill(x + image * s.height * s.width * s.channels, first, count, padded.data());
        rows(padded.data(), layout, dy + (image * s.outHeight + first) * s.outWidth * s.channels, count, target);
      }
    }
  });
  std::vector<double> wide(taps * period), sums(taps * s.channels);
  SumParts(partial, parts, taps * period, wide.data());
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t i = 0; i < period; ++i) sums[tap * s.channels + i % s.channels] += wide[tap * period + i];
  }
  for (int64_t i = 0; i < taps * s.channels; ++i) gradient[i] = static_cast<float>(sums[i]);
}

}  // namespace refconv
