// A few threads that share the parts of a job with the thread that asks for it.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace refconv {

class Workers {
 public:
  static Workers& Get() {
    static auto* workers = new Workers();  // Never destroyed: TensorFlow's own threads may outlive static objects.
    return *workers;
  }

  // Runs body(part) for every part in [0, parts). What a part computes must not depend on the thread that runs it; then
  // results do not depend on the number of threads either.
  void Run(int64_t parts, const std::function<void(int64_t)>& body) {
    if (parts <= 0) return;
    if (parts == 1 || threads_ == 0) {
      for (int64_t part = 0; part < parts; ++part) body(part);
      return;
    }
    auto job = std::make_shared<Job>();
    job->parts = parts;
    job->body = &body;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      jobs_.push_back(job);
    }
    wake_.notify_all();
    Work(*job);
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), job), jobs_.end());
    job->finished.wait(lock, [&] { return job->done == job->parts; });
  }

 private:
  struct Job {
    int64_t parts = 0;
    const std::function<void(int64_t)>* body = nullptr;
    std::atomic<int64_t> next{0};
    std::atomic<int64_t> done{0};
    std::condition_variable finished;
  };

  Workers() {
    const char* wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
    int total = wanted ? std::atoi(wanted) : 0;
    if (total <= 0) total = static_cast<int>(std::thread::hardware_concurrency());
    threads_ = std::max(0, total - 1);
    for (int i = 0; i < threads_; ++i) std::thread([this] { Loop(); }).detach();
  }

  void Work(Job& job) {
    for (;;) {
      int64_t part = job.next.fetch_add(1);
      if (part >= job.parts) return;
      (*job.body)(part);
      if (job.done.fetch_add(1) + 1 == job.parts) {
        std::lock_guard<std::mutex> lock(mutex_);
        job.finished.notify_all();
      }
    }
  }

  void Loop() {
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return !jobs_.empty(); });
        job = jobs_.front();
        if (job->next >= job->parts) {
          jobs_.pop_front();
          continue;
        }
      }
      Work(*job);
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  int threads_ = 0;
};

}  // namespace refconv
