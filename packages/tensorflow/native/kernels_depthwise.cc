// Depthwise convolutions. Compiled for the very processor (-march=native).

#include <algorithm>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// One image, eight channels: sums over the positions stay in registers, one kernel row at a time.
template <int64_t K>
void KernelRow(const float* x, const float* dy, const DepthwiseShape& s, int64_t kernelRow, float* gradient) {
  V8 sum[K] = {};
  for (int64_t oh = 0; oh < s.outHeight; ++oh) {
    int64_t h = oh * s.stride + kernelRow * s.dilation - s.padTop;
    if (h < 0 || h >= s.height) continue;
    const float* in = x + h * s.width * s.channels;
    const float* d = dy + oh * s.outWidth * s.channels;
    for (int64_t ow = 0; ow < s.outWidth; ++ow) {
      V8 g = Load(d + ow * s.channels);
      int64_t w = ow * s.stride - s.padLeft;
      if (w >= 0 && w + (K - 1) * s.dilation < s.width) {
#pragma GCC unroll 8
        for (int64_t k = 0; k < K; ++k) sum[k] += g * Load(in + (w + k * s.dilation) * s.channels);
      } else {
#pragma GCC unroll 8
        for (int64_t k = 0; k < K; ++k) {
          int64_t column = w + k * s.dilation;
          if (column >= 0 && column < s.width) sum[k] += g * Load(in + column * s.channels);
        }
      }
    }
  }
  for (int64_t k = 0; k < K; ++k) {
    Store(gradient + k * s.channels, Load(gradient + k * s.channels) + sum[k]);
  }
}

// The channels that do not fill a vector.
void KernelRowScalar(const float* x, const float* dy, const DepthwiseShape& s, int64_t kernelRow, float* gradient) {
  for (int64_t k = 0; k < s.kernel; ++k) {
    float sum = 0.0f;
    for (int64_t oh = 0; oh < s.outHeight; ++oh) {
      int64_t h = oh * s.stride + kernelRow * s.dilation - s.padTop;
      if (h < 0 || h >= s.height) continue;
      for (int64_t ow = 0; ow < s.outWidth; ++ow) {
        int64_t w = ow * s.stride + k * s.dilation - s.padLeft;
        if (w >= 0 && w < s.width) sum += dy[(oh * s.outWidth + ow) * s.channels] * x[(h * s.width + w) * s.channels];
      }
    }
    gradient[k * s.channels] += sum;
  }
}

}  // namespace

void DepthwiseKernelGradient(const float* x, const float* dy, const DepthwiseShape& s, float* gradient) {
  int64_t size = s.kernel * s.kernel * s.channels;
  int64_t parts = std::min<int64_t>(s.batch, 16);
  std::vector<float> partial(parts * size);
  auto row = s.kernel == 3 ? KernelRow<3> : s.kernel == 5 ? KernelRow<5> : KernelRow<7>;
  Workers::Get().Run(parts, [&](int64_t part) {
    float* target = partial.data() + part * size;
    for (int64_t image = part * s.batch / parts; image < (part + 1) * s.batch / parts; ++image) {
      const float* in = x + image * s.height * s.width * s.channels;
      const float* d = dy + image * s.outHeight * s.outWidth * s.channels;
      int64_t c = 0;
      for (; c + 8 <= s.channels; c += 8) {
        for (int64_t k = 0; k < s.kernel; ++k) row(in + c, d + c, s, k, target + k * s.kernel * s.channels + c);
      }
      for (; c < s.channels; ++c) {
        for (int64_t k = 0; k < s.kernel; ++k) KernelRowScalar(in + c, d + c, s, k, target + k * s.kernel * s.channels + c);
      }
    }
  });
  std::vector<double> sums(size);
  SumParts(partial, parts, size, sums.data());
  for (int64_t i = 0; i < size; ++i) gradient[i] = static_cast<float>(sums[i]);
}

namespace {

// One pixel of the result, `vectors` times eight channels.
template <int64_t vectors>
void Pixel(const float* x, const float* kernel, const DepthwiseShape& s, int64_t row, int64_t column, float* y) {
  V8 sum[vectors] = {};
  for (int64_t i = 0; i < s.kernel; ++i) {
    int64_t h = row + i * s.dilation - s.padTop;
    if (h < 0 || h >= s.height) continue;
    for (int64_t j = 0; j < s.kernel; ++j) {
      int64_t w = column + j * s.dilation - s.padLeft;
      if (w < 0 || w >= s.width) continue;
      const float* in = x + (h * s.width + w) * s.channels;
      const float* factor = kernel + (i * s.kernel + j) * s.channels;
#pragma GCC unroll 8
      for (int64_t v = 0; v < vectors; ++v) sum[v] += Load(in + 8 * v) * Load(factor + 8 * v);
    }
  }
#pragma GCC unroll 8
  for (int64_t v = 0; v < vectors; ++v) Store(y + 8 * v, sum[v]);
}

// A channel that does not fill a vector.
void PixelScalar(const float* x, const float* kernel, const DepthwiseShape& s, int64_t row, int64_t column, float* y) {
  float sum = 0.0f;
  for (int64_t i = 0; i < s.kernel; ++i) {
    for (int64_t j = 0; j < s.kernel; ++j) {
      int64_t h = row + i * s.dilation - s.padTop, w = column + j * s.dilation - s.padLeft;
      if (h < 0 || h >= s.height || w < 0 || w >= s.width) continue;
      sum += x[(h * s.width + w) * s.channels] * kernel[(i * s.kernel + j) * s.channels];
    }
  }
  *y = sum;
}

}  // namespace

void DilatedDepthwise(const float* x, const float* kernel, const DepthwiseShape& s, float* y) {
  Workers::Get().Run(s.batch * s.outHeight, [&](int64_t part) {
    int64_t row = part % s.outHeight;
    const float* image = x + part / s.outHeight * s.height * s.width * s.channels;
    float* out = y + part * s.outWidth * s.channels;
    for (int64_t column = 0; column < s.outWidth; ++column, out += s.channels) {
      int64_t c = 0;
      for (; c + 64 <= s.channels; c += 64) Pixel<8>(image + c, kernel + c, s, row, column, out + c);
      for (; c + 16 <= s.channels; c += 16) Pixel<2>(image + c, kernel + c, s, row, column, out + c);
      for (; c + 8 <= s.channels; c += 8) Pixel<1>(image + c, kernel + c, s, row, column, out + c);
      for (; c < s.channels; ++c) PixelScalar(image + c, kernel + c, s, row, column, out + c);
    }
  });
}

}  // namespace refconv
