// Softmax cross entropy of rows of logits, and their largest numbers, a row in each lane of a vector. Compiled for the very processor
// (-march=native).

#include <cmath>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// e^x of x ≤ 0, within some units of the last place; 0 where that is below the smallest normal number, and NaN of NaN.
inline V Exp(V x) {
  const V least = V{} - 87.33f;
  V bounded = x < least ? least : x;
  I whole = __builtin_convertvector(bounded * 1.44269504f - 0.5f, I);
  V n = __builtin_convertvector(whole, V);
  // ln 2 in two parts: a product of n and the first is exact.
  V r = bounded - n * 0.693359375f + n * 2.12194440e-4f;
  V sum = r * (1.0f / 5040) + 1.0f / 720;
  for (float term : {1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f}) sum = sum * r + term;
  I power = (whole + 127) << 23;
  V result = sum * reinterpret_cast<V&>(power);
  return x < least ? V{} : result;
}

// A few rows [kWidth, classes], turned: a vector for each class.
class Columns {
 public:
  explicit Columns(int64_t classes) : classes_(classes), numbers_(classes * kWidth) {}
  float* operator[](int64_t c) { return numbers_.data() + c * kWidth; }

  // Where there are fewer than kWidth rows, the other lanes hold the last one.
  void Read(const float* rows, int64_t count) {
    const float* row[kWidth];
    for (int64_t lane = 0; lane < kWidth; ++lane) row[lane] = rows + std::min(lane, count - 1) * classes_;
    for (int64_t c = 0; c < classes_; ++c) {
      V column;
      for (int64_t lane = 0; lane < kWidth; ++lane) column[lane] = row[lane][c];
      Store((*this)[c], column);
    }
  }
  void Write(float* rows, int64_t count) {
    for (int64_t row = 0; row < count; ++row) {
      for (int64_t c = 0; c < classes_; ++c) rows[row * classes_ + c] = (*this)[c][row];
    }
  }

  V Largest() {
    V largest = Load((*this)[0]);
    for (int64_t c = 1; c < classes_; ++c) {
      V x = Load((*this)[c]);
      largest = x > largest ? x : largest;
    }
    return largest;
  }

  // Makes e^(x − largest) of each x, and gives their sum.
  V Exponentials(V largest) {
    // Several sums: one of a thousand numbers would lose digits.
    V sums[4] = {};
    for (int64_t c = 0; c < classes_; ++c) {
      V e = Exp(Load((*this)[c]) - largest);
      Store((*this)[c], e);
      sums[c % 4] += e;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

 private:
  int64_t classes_;
  std::vector<float> numbers_;
};

// Calls body(columns, first row, number of rows) for all rows, a vector's width at a time.
template <typename Body>
void ForRows(int64_t rows, int64_t classes, const Body& body) {
  int64_t part = RoundUp((1 << 14) / classes + 1, kWidth);
  Workers::Get().Run((rows + part - 1) / part, [&](int64_t i) {
    Columns columns(classes);
    int64_t end = std::min(rows, (i + 1) * part);
    for (int64_t first = i * part; first < end; first += kWidth) body(columns, first, std::min(kWidth, end - first));
  });
}

}  // namespace

void SparseCrossEntropy(const float* logits, const int32_t* labels, int64_t rows, int64_t classes, float* losses) {
  ForRows(rows, classes, [=](Columns& columns, int64_t first, int64_t count) {
    columns.Read(logits + first * classes, count);
    V largest = columns.Largest();
    V sum = columns.Exponentials(largest);
    for (int64_t i = 0; i < count; ++i) {
      int64_t row = first + i;
      losses[row] = std::log(sum[i]) - (logits[row * classes + labels[row]] - largest[i]);
    }
  });
}

void SparseCrossEntropyGradient(const float* dlosses, const float* logits, const int32_t* labels, int64_t rows, int64_t classes,
                                float* dlogits) {
  ForRows(rows, classes, [=](Columns& columns, int64_t first, int64_t count) {
    columns.Read(logits + first * classes, count);
    V sum = columns.Exponentials(columns.Largest());
    V slope = LoadPart(dlosses + first, count) / sum;
    for (int64_t c = 0; c < classes; ++c) Store(columns[c], Load(columns[c]) * slope);
    for (int64_t i = 0; i < count; ++i) columns[labels[first + i]][i] -= dlosses[first + i];
    columns.Write(dlogits + first * classes, count);
  });
}

void LargestOfRows(const float* x, int64_t rows, int64_t classes, int32_t* indices) {
  ForRows(rows, classes, [=](Columns& columns, int64_t first, int64_t count) {
    columns.Read(x + first * classes, count);
    V largest = Load(columns[0]);
    I index = {};
    for (int64_t c = 1; c < classes; ++c) {
      V value = Load(columns[c]);
      I larger = value > largest;
      largest = larger ? value : largest;
      index = larger ? I{} + static_cast<int32_t>(c) : index;
    }
    for (int64_t i = 0; i < count; ++i) indices[first + i] = index[i];
  });
}

}  // namespace refconv
