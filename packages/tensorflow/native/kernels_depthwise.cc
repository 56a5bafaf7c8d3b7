// Depthwise convolutions. Compiled for the very processor (-march=native).
//
// A row of pixels is one row of width·channels numbers, in which a shift by a pixel is a shift by the channels: vectors then fill
// whatever the channels are, as long as each meets its own channels' weights, which repeat after a period of both sizes.

#include <cstring>

#include "blocks.h"
#include "workers.h"

namespace refconv {

Padded::Padded(const DepthwiseShape& s) : s(s) {
  columns = (s.outWidth - 1) * s.stride + (s.kernel - 1) * s.dilation + 1;
  plane = (columns + s.stride - 1) / s.stride * s.channels;
  rowSize = s.stride * plane;
}

void Padded::Fill(const RowSource& image, int64_t firstOut, int64_t outRows, float* out) const {
  int64_t first = firstOut * s.stride - s.padTop, rows = RowsFor(outRows), channels = s.channels;
  thread_local std::vector<float> buffer;
  buffer.resize(s.width * channels);
  int64_t begin = std::clamp<int64_t>(s.padLeft, 0, columns), end = std::clamp<int64_t>(s.padLeft + s.width, begin, columns);
  bool whole = s.stride == 1 && end - begin == s.width;
  for (int64_t row = 0; row < rows; ++row, out += rowSize) {
    int64_t h = first + row;
    if (h < 0 || h >= s.height) {
      std::fill(out, out + rowSize, 0.0f);
      continue;
    }
    float* inside = whole ? out + begin * channels : buffer.data();
    const float* in = image(h, inside);
    if (s.stride == 1) {
      float* target = out + begin * channels;
      std::fill(out, target, 0.0f);
      if (in != target) std::memcpy(target, in + (begin - s.padLeft) * channels, (end - begin) * channels * sizeof(float));
      std::fill(out + end * channels, out + rowSize, 0.0f);
      continue;
    }
    for (int64_t phase = 0; phase < s.stride; ++phase) {
      float* pixel = out + phase * plane;
      for (int64_t column = phase; pixel < out + (phase + 1) * plane; column += s.stride, pixel += channels) {
        int64_t w = column - s.padLeft;
        bool within = w >= 0 && w < s.width;
        const float* from = in + w * channels;
        int64_t c = 0;
        for (; c + 8 <= channels; c += 8) Store8(pixel + c, within ? Load8(from + c) : V8{});
        for (; c < channels; ++c) pixel[c] = within ? from[c] : 0.0f;
      }
    }
  }
  std::fill(out, out + kWidth, 0.0f);
}

int64_t Period(const DepthwiseShape& s) {
  return std::min(std::lcm(s.channels, kWidth), RoundUp(s.outWidth * s.channels, kWidth));
}

int64_t BlockRows(const DepthwiseShape& s) {
  int64_t row = Padded(s).rowSize * s.stride;
  return std::clamp<int64_t>((1 << 16) / row, std::min<int64_t>(4, s.outHeight), s.outHeight);
}

namespace {

RowSource ImageAt(const float* image, int64_t rowSize) {
  return [=](int64_t row, float*) { return image + row * rowSize; };
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
void KernelRows(const float* padded, const Padded& layout, const float* dy, int64_t stride, int64_t rows, int64_t firstKernel,
                float* gradient) {
  const DepthwiseShape& s = layout.s;
  int64_t size = s.outWidth * s.channels, period = Period(s), step = layout.rowSize * s.dilation;
  int64_t offset[K];
  for (int64_t k = 0; k < K; ++k) offset[k] = layout.Offset(k);
  for (int64_t phase = 0; phase < period && phase < size; phase += kWidth) {
    V sum[R][K] = {};
    for (int64_t row = 0; row < rows; ++row) {
      const float* in = padded + row * s.stride * layout.rowSize + firstKernel * step;
      const float* slope = dy + row * stride;
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
void KernelGradientRows(const float* padded, const Padded& layout, const float* dy, int64_t stride, int64_t rows, float* gradient) {
  if (K == 3) return KernelRows<K, 3>(padded, layout, dy, stride, rows, 0, gradient);
  for (int64_t i = 0; i < K; ++i) KernelRows<K, 1>(padded, layout, dy, stride, rows, i, gradient);
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

// The shape of the convolution of dy with the turned kernel that is the gradient of x at stride 1.
DepthwiseShape Turned(const DepthwiseShape& s) {
  int64_t reach = (s.kernel - 1) * s.dilation;
  return {s.batch,  s.outHeight, s.outWidth, s.channels,       s.height,         s.width,
          s.kernel, 1,           s.dilation, reach - s.padTop, reach - s.padLeft};
}

// With a stride, a pixel of x meets every stride-th element of the kernel; which ones depends on its place modulo the stride. Pixels of
// the same place are one convolution of dy at stride 1, with a kernel of `taps` that is turned.
DepthwiseShape Met(const DepthwiseShape& s, int64_t taps, int64_t firstColumn) {
  int64_t columns = (s.width - 1 + s.padLeft) / s.stride + 1 - firstColumn;
  return {s.batch, s.outHeight, s.outWidth, s.channels, 0, columns, taps, 1, 1, taps - 1, taps - 1 - firstColumn};
}

}  // namespace

DepthwiseRows::DepthwiseRows(const float* kernel, const DepthwiseShape& s, bool turned)
    : padded_(s), weights_(Repeated(kernel, s, turned)) {}

void DepthwiseRows::Convolve(const float* padded, int64_t rows, float* y) const {
  auto convolve = padded_.s.kernel == 3 ? ConvolveRows<3> : padded_.s.kernel == 5 ? ConvolveRows<5> : ConvolveRows<7>;
  convolve(padded, padded_, weights_.data(), rows, y);
}

DepthwiseInputRows::DepthwiseInputRows(const float* kernel, const DepthwiseShape& s)
    : s_(s),
      taps_((s.kernel + s.stride - 1) / s.stride),
      firstColumn_(s.padLeft / s.stride),
      padded_(s.stride == 1 ? Turned(s) : Met(s, taps_, firstColumn_)) {
  if (s.stride == 1) {
    weights_ = Repeated(kernel, padded_.s, true);
    return;
  }
  int64_t period = Period(padded_.s);
  weights_.resize(s.kernel * s.kernel * period);
  for (int64_t tap = 0; tap < s.kernel * s.kernel; ++tap) {
    for (int64_t i = 0; i < period; ++i) weights_[tap * period + i] = kernel[tap * s.channels + i % s.channels];
  }
}

int64_t DepthwiseInputRows::SizeFor(int64_t rows) const {
  return padded_.SizeFor(s_.stride == 1 ? rows : (rows - 1) / s_.stride + 2);
}

void DepthwiseInputRows::Fill(const RowSource& dy, int64_t firstRow, int64_t rows, float* padded) const {
  if (s_.stride == 1) return padded_.Fill(dy, firstRow, rows, padded);
  int64_t first = FirstOf(firstRow);
  padded_.Fill(dy, first, FirstOf(firstRow + rows - 1) + 1 - first, padded);
}

int64_t DepthwiseInputRows::PlaceOf(int64_t outRow, int64_t firstRow) const {
  int64_t first = s_.stride == 1 ? firstRow : FirstOf(firstRow);
  return (outRow + padded_.s.padTop - first) * padded_.rowSize + padded_.s.padLeft * s_.channels;
}

void DepthwiseInputRows::Gradient(const float* padded, int64_t firstRow, int64_t rows, float* dx) const {
  if (s_.stride == 1) {
    auto convolve = s_.kernel == 3 ? ConvolveRows<3> : s_.kernel == 5 ? ConvolveRows<5> : ConvolveRows<7>;
    return convolve(padded, padded_, weights_.data(), rows, dx);
  }
  int64_t stride = s_.stride, channels = s_.channels, first = FirstOf(firstRow);
  int64_t size = padded_.s.outWidth * channels, period = Period(padded_.s), plane = RoundUp(size, kWidth);
  thread_local std::vector<float> together;
  together.resize(stride * plane);
  for (int64_t h = firstRow; h < firstRow + rows; ++h) {
    int64_t row = FirstOf(h) - first, i0 = (h + s_.padTop) % stride;
    for (int64_t k0 = 0; k0 < stride; ++k0) {
      const float *from[16], *weight[16];
      int64_t count = 0;
      for (int64_t i = i0, t = 0; i < s_.kernel; i += stride, ++t) {
        for (int64_t k = k0, u = 0; k < s_.kernel; k += stride, ++u, ++count) {
          from[count] = padded + (row + taps_ - 1 - t) * padded_.rowSize + (taps_ - 1 - u) * channels;
          weight[count] = weights_.data() + (i * s_.kernel + k) * period;
        }
      }
      float* out = together.data() + k0 * plane;
      for (int64_t j = 0, phase = 0; j < size; j += kWidth, phase = phase + kWidth == period ? 0 : phase + kWidth) {
        V sum = {};
        for (int64_t n = 0; n < count; ++n) sum += Load(from[n] + j) * Load(weight[n] + phase);
        Store(out + j, sum);
      }
    }
    float* pixel = dx + (h - firstRow) * s_.width * channels;
    for (int64_t w = 0; w < s_.width; ++w, pixel += channels) {
      int64_t column = w + s_.padLeft, c = 0;
      const float* in = together.data() + column % stride * plane + (column / stride - firstColumn_) * channels;
      for (; c + 8 <= channels; c += 8) Store8(pixel + c, Load8(in + c));
      for (; c < channels; ++c) pixel[c] = in[c];
    }
  }
}

void AddKernelGradient(const float* padded, const Padded& layout, const float* dy, int64_t stride, int64_t rows, float* gradient) {
  auto add = layout.s.kernel == 3 ? KernelGradientRows<3> : layout.s.kernel == 5 ? KernelGradientRows<5> : KernelGradientRows<7>;
  add(padded, layout, dy, stride, rows, gradient);
}

void FinishKernelGradient(const std::vector<float>& parts, const DepthwiseShape& s, float* gradient) {
  int64_t taps = s.kernel * s.kernel, period = Period(s);
  std::vector<double> wide(taps * period), sums(taps * s.channels);
  SumParts(parts, parts.size() / (taps * period), taps * period, wide.data());
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t i = 0; i < period; ++i) sums[tap * s.channels + i % s.channels] += wide[tap * period + i];
  }
  for (int64_t i = 0; i < taps * s.channels; ++i) gradient[i] = static_cast<float>(sums[i]);
}

void Depthwise(const float* x, const float* kernel, const DepthwiseShape& s, float* y) {
  DepthwiseRows convolution(kernel, s, false);
  int64_t block = BlockRows(s), blocks = (s.outHeight + block - 1) / block;
  Workers::Get().Run(s.batch * blocks, [&](int64_t part) {
    thread_local std::vector<float> padded;
    padded.resize(convolution.padded().SizeFor(block));
    int64_t image = part / blocks, first = part % blocks * block, count = std::min(block, s.outHeight - first);
    auto source = ImageAt(x + image * s.height * s.width * s.channels, s.width * s.channels);
    convolution.padded().Fill(source, first, count, padded.data());
    convolution.Convolve(padded.data(), count, y + (image * s.outHeight + first) * s.outWidth * s.channels);
  });
}

void DepthwiseInputGradient(const float* dy, const float* kernel, const DepthwiseShape& s, float* dx) {
  DepthwiseInputRows gradient(kernel, s);
  int64_t block = std::clamp<int64_t>((1 << 16) / (s.width * s.channels), std::min<int64_t>(8, s.height), s.height);
  int64_t blocks = (s.height + block - 1) / block;
  Workers::Get().Run(s.batch * blocks, [&](int64_t part) {
    thread_local std::vector<float> padded;
    padded.resize(gradient.SizeFor(block));
    int64_t image = part / blocks, first = part % blocks * block, count = std::min(block, s.height - first);
    auto source = ImageAt(dy + image * s.outHeight * s.outWidth * s.channels, s.outWidth * s.channels);
    gradient.Fill(source, first, count, padded.data());
    gradient.Gradient(padded.data(), first, count, dx + (image * s.height + first) * s.width * s.channels);
  });
}

void DepthwiseKernelGradient(const float* x, const float* dy, const DepthwiseShape& s, float* gradient) {
  Padded layout(s);
  int64_t size = s.kernel * s.kernel * Period(s), row = s.outWidth * s.channels, block = BlockRows(s);
  int64_t parts = std::min<int64_t>(s.batch, 16);
  std::vector<float> partial(parts * size);
  Workers::Get().Run(parts, [&](int64_t part) {
    thread_local std::vector<float> padded;
    padded.resize(layout.SizeFor(block));
    for (int64_t image = part * s.batch / parts; image < (part + 1) * s.batch / parts; ++image) {
      auto source = ImageAt(x + image * s.height * s.width * s.channels, s.width * s.channels);
      for (int64_t first = 0; first < s.outHeight; first += block) {
        int64_t count = std::min(block, s.outHeight - first);
        layout.Fill(source, first, count, padded.data());
        const float* slope = dy + (image * s.outHeight + first) * row;
        AddKernelGradient(padded.data(), layout, slope, row, count, partial.data() + part * size);
      }
    }
  });
  FinishKernelGradient(partial, s, gradient);
}

}  // namespace refconv
