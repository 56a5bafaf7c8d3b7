// Convolutions with the batch norms around them: what lies between two of them never goes to memory. Compiled for the very processor.

#include <cstring>
#include <memory>

#include "blocks.h"
#include "workers.h"

namespace refconv {

namespace {

// The images that a convolution takes, block by block: as they lie there, or normalised on the way.
class Source {
 public:
  Source(const NormalizedImages& images, int64_t channels) : x_(images.x), channels_(channels) {
    if (images.norm) normalizer_ = std::make_unique<Normalizer>(*images.norm, channels);
  }
  const Normalizer* normalizer() const { return normalizer_.get(); }
  const float* Given(int64_t pixel) const { return x_ + pixel * channels_; }
  // Where the pixels lie, perhaps in the buffer.
  const float* Pixels(int64_t first, int64_t count, float* buffer) const {
    if (!normalizer_) return Given(first);
    normalizer_->Normalize(Given(first), count, buffer);
    return buffer;
  }

 private:
  const float* x_;
  int64_t channels_;
  std::unique_ptr<Normalizer> normalizer_;
};

// The statistics of a result that is computed in parts.
class ResultStatistics {
 public:
  ResultStatistics(const StatisticsResult& wanted, int64_t channels, int64_t parts)
      : wanted_(wanted), grouping_(channels), sums_(wanted.mean ? parts * 2 * grouping_.width : 0) {}
  bool wanted() const { return wanted_.mean != nullptr; }
  // Sums are of differences from a pixel of the result: without that, squares of large means would cancel.
  void SetOrigin(const float* pixel) {
    first_.assign(pixel, pixel + grouping_.channels);
    origin_ = grouping_.Repeated(pixel);
  }
  void Add(int64_t part, const float* y, int64_t pixels) {
    if (wanted()) AddStatistics(grouping_, y, origin_.data(), pixels, sums_.data() + part * 2 * grouping_.width);
  }
  void Finish(int64_t pixels) {
    if (!wanted()) return;
    FinishStatistics(grouping_.Folded(sums_), first_.data(), pixels, grouping_.channels, wanted_.mean, wanted_.variance);
  }

 private:
  StatisticsResult wanted_;
  Grouping grouping_;
  std::vector<double> sums_;
  std::vector<float> first_, origin_;
};

// The sums of the gradient of the batch norm that normalised the images, of a gradient that is computed in parts.
class SourceSums {
 public:
  SourceSums(const Source& source, int64_t parts) : normalizer_(source.normalizer()) {
    if (normalizer_) sums_.resize(parts * 2 * normalizer_->grouping().width);
  }
  void Add(int64_t part, const float* dx, const float* given, int64_t pixels) {
    if (normalizer_) normalizer_->AddSums(dx, given, pixels, sums_.data() + part * 2 * normalizer_->grouping().width);
  }
  void Finish(float* dscale, float* doffset) {
    if (normalizer_) normalizer_->FinishSums(normalizer_->grouping().Folded(sums_), dscale, doffset);
  }

 private:
  const Normalizer* normalizer_;
  std::vector<double> sums_;
};

Normalizer GradientOf(const NormalizedResult& result, int64_t channels, int64_t pixels) {
  Normalizer normalizer(result.norm, channels);
  normalizer.SetGradients(result.dscale, result.doffset, pixels);
  return normalizer;
}

}  // namespace

void FusedPointwise(const NormalizedImages& x, const float* kernel, int64_t pixels, int64_t depth, int64_t n, float* y,
                    const StatisticsResult& statistics) {
  PackedMatrix packed(kernel, false, depth, n);
  Source source(x, depth);
  // What lies between fits into the second cache.
  int64_t size = std::clamp<int64_t>(32768 / (depth + n) / 48 * 48, 96, 1536), parts = (pixels + size - 1) / size;
  ResultStatistics sums(statistics, n, parts);
  if (sums.wanted()) {
    std::vector<float> buffer(depth), pixel(n);
    packed.Multiply(source.Pixels(0, 1, buffer.data()), 1, pixel.data());
    sums.SetOrigin(pixel.data());
  }
  Workers::Get().Run(parts, [&](int64_t part) {
    thread_local std::vector<float> buffer;
    buffer.resize(size * depth);
    int64_t first = part * size, count = std::min(size, pixels - first);
    packed.Multiply(source.Pixels(first, count, buffer.data()), count, y + first * n);
    sums.Add(part, y + first * n, count);
  });
  sums.Finish(pixels);
}

void FusedDepthwise(const NormalizedImages& x, const float* kernel, const DepthwiseShape& s, float* y,
                    const StatisticsResult& statistics) {
  DepthwiseRows convolution(kernel, s, false);
  const Padded& layout = convolution.padded();
  Source source(x, s.channels);
  int64_t block = BlockRows(s), blocks = (s.outHeight + block - 1) / block, parts = s.batch * blocks;
  auto rowsOf = [&](int64_t image) -> RowSource {
    return [&source, &s, image](int64_t row, float* buffer) {
      return source.Pixels((image * s.height + row) * s.width, s.width, buffer);
    };
  };
  ResultStatistics sums(statistics, s.channels, parts);
  if (sums.wanted()) {
    std::vector<float> padded(layout.SizeFor(1)), row(s.outWidth * s.channels);
    layout.Fill(rowsOf(0), 0, 1, padded.data());
    convolution.Convolve(padded.data(), 1, row.data());
    sums.SetOrigin(row.data());
  }
  Workers::Get().Run(parts, [&](int64_t part) {
    thread_local std::vector<float> padded;
    padded.resize(layout.SizeFor(block));
    int64_t image = part / blocks, first = part % blocks * block, count = std::min(block, s.outHeight - first);
    layout.Fill(rowsOf(image), first, count, padded.data());
    float* out = y + (image * s.outHeight + first) * s.outWidth * s.channels;
    convolution.Convolve(padded.data(), count, out);
    sums.Add(part, out, count * s.outWidth);
  });
  sums.Finish(s.batch * s.outHeight * s.outWidth);
}

void PointwiseBackward(const NormalizedResult& result, const float* kernel, const NormalizedImages& x, int64_t pixels, int64_t m,
                       int64_t n, const ConvolutionGradients& out) {
  Normalizer normalizer = GradientOf(result, n, pixels);
  PackedMatrix packed(kernel, true, n, m);
  Source source(x, m);
  int64_t parts = std::clamp<int64_t>(pixels / 1024, 1, 16), partSize = (pixels + parts - 1) / parts;
  int64_t size = std::clamp<int64_t>(16384 / (m + n) / 48 * 48, 96, 768);
  SourceSums sums(source, parts);
  std::vector<float> partial(parts * m * n);
  Workers::Get().Run(parts, [&](int64_t part) {
    thread_local std::vector<float> slope, images;
    slope.resize(size * n);
    images.resize(size * m);
    int64_t last = std::min(pixels, (part + 1) * partSize);
    for (int64_t first = part * partSize; first < last; first += size) {
      int64_t count = std::min(size, last - first);
      normalizer.Gradient(result.dz + first * n, result.y + first * n, count, slope.data());
      const float* given = source.Pixels(first, count, images.data());
      packed.Multiply(slope.data(), count, out.dx + first * m);
      AddTransposedProduct(given, m, slope.data(), n, n, count, partial.data() + part * m * n, n);
      sums.Add(part, out.dx + first * m, source.Given(first), count);
    }
  });
  std::copy(partial.begin(), partial.begin() + m * n, out.dkernel);
  for (int64_t part = 1; part < parts; ++part) {
    const float* __restrict more = partial.data() + part * m * n;
    for (int64_t i = 0; i < m * n; ++i) out.dkernel[i] += more[i];
  }
  sums.Finish(out.dscale, out.doffset);
}

void DepthwiseBackward(const NormalizedResult& result, const float* kernel, const NormalizedImages& x, const DepthwiseShape& s,
                       const ConvolutionGradients& out) {
  Normalizer normalizer = GradientOf(result, s.channels, s.batch * s.outHeight * s.outWidth);
  Padded layout(s);
  DepthwiseInputRows inputs(kernel, s);
  Source source(x, s.channels);
  int64_t parts = std::min<int64_t>(s.batch, 16), size = s.kernel * s.kernel * Period(s);
  int64_t block = std::clamp<int64_t>((1 << 15) / (s.width * s.channels), std::min<int64_t>(8, s.height), s.height);
  SourceSums sums(source, parts);
  std::vector<float> partial(parts * size);
  // The row of dy from which on rows belong to a block of x that begins with row h.
  auto outRow = [&](int64_t h) { return h == 0 ? 0 : h == s.height ? s.outHeight : std::min(s.outHeight, (h + s.padTop) / s.stride); };
  Workers::Get().Run(parts, [&](int64_t part) {
    thread_local std::vector<float> images, slopes;
    slopes.resize(inputs.SizeFor(block));
    for (int64_t image = part * s.batch / parts; image < (part + 1) * s.batch / parts; ++image) {
      RowSource slopeRows = [&](int64_t row, float* buffer) {
        int64_t place = (image * s.outHeight + row) * s.outWidth * s.channels;
        normalizer.Gradient(result.dz + place, result.y + place, s.outWidth, buffer);
        return buffer;
      };
      RowSource imageRows = [&](int64_t row, float* buffer) {
        return source.Pixels((image * s.height + row) * s.width, s.width, buffer);
      };
      for (int64_t first = 0; first < s.height; first += block) {
        int64_t last = std::min(s.height, first + block), firstOut = outRow(first), outRows = outRow(last) - firstOut;
        inputs.Fill(slopeRows, first, last - first, slopes.data());
        int64_t pixel = (image * s.height + first) * s.width, count = (last - first) * s.width;
        float* dx = out.dx + pixel * s.channels;
        inputs.Gradient(slopes.data(), first, last - first, dx);
        sums.Add(part, dx, source.Given(pixel), count);
        if (outRows <= 0) continue;
        images.resize(std::max<size_t>(images.size(), layout.SizeFor(outRows)));
        layout.Fill(imageRows, firstOut, outRows, images.data());
        AddKernelGradient(images.data(), layout, slopes.data() + inputs.PlaceOf(firstOut, first), inputs.RowSize(), outRows,
                          partial.data() + part * size);
      }
    }
  });
  FinishKernelGradient(partial, s, out.dkernel);
  sums.Finish(out.dscale, out.doffset);
}

}  // namespace refconv
