#include "core/store/database.h"

#include <system_error>

#include "core/store/migrate.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr int kBusyTimeoutMs = 5000;

Result<void> configure(SQLite::Database& connection, Database::Access access, const std::string& file) {
  connection.exec("PRAGMA foreign_keys = ON");
  connection.exec("PRAGMA trusted_schema = OFF");
  if (access == Database::Access::read_only) return {};
  SQLite::Statement wal(connection, "PRAGMA journal_mode = WAL");
  const std::string mode = wal.executeStep() ? wal.getColumn(0).getString() : "none";
  if (mode != "wal")
    return fail(ErrorCode::io, "database " + file + " cannot use a write-ahead log (it stayed in mode '" + mode +
                                   "'); is the state folder on a network file system?");
  connection.exec("PRAGMA synchronous = FULL");
  return {};
}

}  // namespace

Query::~Query() {
  if (!statement_) return;
  statement_->tryReset();
  try {
    statement_->clearBindings();
  } catch (
      const SQLite::Exception&) {  // only the next user of the statement could notice, and it binds every parameter
  }
}

bool Query::next() {
  column_ = 0;
  return statement_->executeStep();
}

int Query::run() { return statement_->exec(); }

std::optional<TimePoint> Query::optional_time() {
  if (statement_->getColumn(column_).isNull()) {
    ++column_;
    return std::nullopt;
  }
  return time();
}

std::optional<double> Query::optional_number() {
  if (statement_->getColumn(column_).isNull()) {
    ++column_;
    return std::nullopt;
  }
  return number();
}

Query Transaction::query(std::string_view sql) {
  auto& statements = database_.statements_;
  auto found = statements.find(sql);
  if (found == statements.end())
    found = statements.emplace(sql, SQLite::Statement(database_.connection_, std::string(sql))).first;
  return Query(found->second);
}

std::int64_t Transaction::last_id() const { return database_.connection_.getLastInsertRowid(); }

const std::string& Transaction::file() const { return database_.file_; }

Result<std::unique_ptr<Database>> Database::open(const fs::path& file, Access access, TimePoint now) {
  const std::string name = file.string();
  return sqlite_guard(name, "opening the store", [&]() -> Result<std::unique_ptr<Database>> {
    std::error_code ignored;
    const bool writes = access == Access::read_write;
    if (!writes && !fs::exists(file, ignored)) return fail(ErrorCode::not_found, "there is no database " + name);
    const int flags = writes ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE : SQLite::OPEN_READONLY;
    SQLite::Database connection(name, flags, kBusyTimeoutMs);
    TRY_OK(refuse_foreign_file(connection, name));  // before anything is changed in it
    TRY_OK(configure(connection, access, name));
    TRY_OK(writes ? migrate(connection, name, now) : check_migrations(connection, name));
    return std::unique_ptr<Database>(new Database(std::move(connection), name, access));
  });
}

}  // namespace defuse
