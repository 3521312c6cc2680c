// A folder of its own for a test, gone when the test ends, and few words to fill it:
//   TempTree tree;
//   tree.file("digits/1/model.pt", "bytes").file("digits/1/READY").folder("digits/2");
// Failing to set a test up ends the test program: nothing after it would mean anything. One thread at a time.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace defuse::testing {

class TempTree {
 public:
  // `memory` spares tests that sync often (databases) the disk, where the machine has a memory file system; for small
  // files.
  enum class In { disk, memory };
  explicit TempTree(In where = In::disk);
  ~TempTree();
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path operator/(const std::filesystem::path& relative) const { return root_ / relative; }

  // All make the folders that are missing; `file` replaces what is there.
  TempTree& file(const std::filesystem::path& relative, std::string_view bytes = "");
  TempTree& folder(const std::filesystem::path& relative);
  TempTree& link(const std::filesystem::path& relative, const std::filesystem::path& target);
  TempTree& fifo(const std::filesystem::path& relative);
  TempTree& remove(const std::filesystem::path& relative);  // with everything below
  TempTree& rename(const std::filesystem::path& from, const std::filesystem::path& to);
  // Sets the mtime (ctime cannot be set; the kernel keeps it). Links themselves, not what they point to.
  TempTree& modified(const std::filesystem::path& relative, std::chrono::system_clock::time_point time);

  std::string read(const std::filesystem::path& relative) const;

 private:
  std::filesystem::path root_;
};

}  // namespace defuse::testing
