// One SQLite connection with the settings defused relies on (WAL, synchronous=FULL, foreign keys, busy timeout), its
// cached statements, and transactions that cannot be left open. Used by the store's own files only; throws
// SQLite::Exception, which sqlite_guard() turns into an Error one level up. Not thread-safe.
#pragma once
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "core/base/clock.h"
#include "core/base/names.h"
#include "core/base/result.h"
#include "core/store/sqlite_error.h"

namespace defuse {

inline std::int64_t to_milliseconds(TimePoint time) { return time.time_since_epoch().count(); }
inline TimePoint from_milliseconds(std::int64_t value) { return TimePoint(std::chrono::milliseconds(value)); }

// A prepared statement on loan from the cache. Giving it back resets it, because a statement left at a row would hold
// its snapshot open. Columns are read in order: `text()`, then the next `integer()`, …
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(&statement) {}
  Query(Query&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Query& operator=(Query&&) = delete;
  ~Query();

  template <class... Values>
  Query with(const Values&... values) && {
    int index = 0;
    (put(++index, values), ...);
    return std::move(*this);
  }

  bool next();  // the next row, if any
  int run();    // a statement without rows; how many rows it changed

  std::string text() { return statement_->getColumn(column_++).getString(); }
  ModelName model() { return ModelName(text()); }
  Version version() { return Version(text()); }
  Digest digest() { return Digest(text()); }
  std::int64_t integer() { return statement_->getColumn(column_++).getInt64(); }
  double number() { return statement_->getColumn(column_++).getDouble(); }
  TimePoint time() { return from_milliseconds(integer()); }
  std::optional<TimePoint> optional_time();
  std::optional<double> optional_number();

 private:
  void put(int index, const std::string& value) { statement_->bind(index, value); }
  template <class Tag>
  void put(int index, const Named<Tag>& value) {
    put(index, value.str());
  }
  void put(int index, std::string_view value) { statement_->bind(index, std::string(value)); }
  void put(int index, const char* value) { statement_->bind(index, value); }
  void put(int index, const std::filesystem::path& value) { statement_->bind(index, value.string()); }
  void put(int index, double value) { statement_->bind(index, value); }
  void put(int index, TimePoint value) { statement_->bind(index, to_milliseconds(value)); }
  template <class T>
  requires std::is_integral_v<T>
  void put(int index, T value) { statement_->bind(index, static_cast<std::int64_t>(value)); }
  template <class T>
  void put(int index, const std::optional<T>& value) {
    if (value) {
      put(index, *value);
    } else {
      statement_->bind(index);
    }
  }

  SQLite::Statement* statement_;
  int column_ = 0;
};

class Database;

// A transaction that is open: whoever is given one runs inside it, and what several functions do in one is committed
// together or not at all. Only a Database makes one.
class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Query query(std::string_view sql);  // `sql` must outlive the database: a literal
  std::int64_t last_id() const;       // of the row inserted last
  const std::string& file() const;

 private:
  friend class Database;
  explicit Transaction(Database& database) : database_(database) {}
  Database& database_;
};

class Database {
 public:
  enum class Access { read_write, read_only };
  // Opens and, in read_write mode, creates and migrates. See migrate.h for what is refused.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, Access access, TimePoint now);

  // Runs `work` (Transaction& → Result) in one IMMEDIATE transaction; commits only if it succeeded.
  template <class Work>
  auto write(std::string_view doing, Work&& work) -> std::invoke_result_t<Work, Transaction&> {
    if (access_ == Access::read_only)
      return fail(ErrorCode::internal, "a read-only store was asked to write, " + std::string(doing));
    return transact(doing, SQLite::TransactionBehavior::IMMEDIATE, std::forward<Work>(work));
  }

  // Runs `work` on one snapshot.
  template <class Work>
  auto read(std::string_view doing, Work&& work) -> std::invoke_result_t<Work, Transaction&> {
    return transact(doing, SQLite::TransactionBehavior::DEFERRED, std::forward<Work>(work));
  }

  SQLite::Database& connection() { return connection_; }
  const std::string& file() const { return file_; }

 private:
  friend class Transaction;
  Database(SQLite::Database&& connection, std::string file, Access access)
      : connection_(std::move(connection)), file_(std::move(file)), access_(access) {}

  template <class Work>
  auto transact(std::string_view doing, SQLite::TransactionBehavior behavior, Work&& work)
      -> std::invoke_result_t<Work, Transaction&> {
    return sqlite_guard(file_, doing, [&]() -> std::invoke_result_t<Work, Transaction&> {
      SQLite::Transaction sqlite(connection_, behavior);
      Transaction transaction(*this);
      auto result = work(transaction);
      if (result) sqlite.commit();
      return result;
    });
  }

  SQLite::Database connection_;
  std::string file_;
  Access access_;
  std::unordered_map<std::string_view, SQLite::Statement> statements_;
};

}  // namespace defuse
