#include "core/store/migrate.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <cstdint>

#include "core/base/sha256.h"

namespace defuse {
namespace {

constexpr std::int64_t kApplicationId = 0x64667564;  // "dfud"; set by 0001_initial.sql

std::int64_t one_number(SQLite::Database& connection, const char* sql) {
  SQLite::Statement statement(connection, sql);
  return statement.executeStep() ? statement.getColumn(0).getInt64() : 0;
}

// How many of `migrations` the file has; an error if what it has is not a prefix of them.
Result<std::size_t> applied(SQLite::Database& connection, const std::string& file,
                            std::span<const Migration> migrations) {
  if (one_number(connection, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migration'") == 0) return 0;
  SQLite::Statement rows(connection, "SELECT id, name, sha256 FROM schema_migration ORDER BY id");
  std::size_t count = 0;
  while (rows.executeStep()) {
    const auto id = rows.getColumn(0).getInt64();
    const auto name = rows.getColumn(1).getString();
    if (count >= migrations.size())
      return fail(ErrorCode::conflict, "database " + file + " was written by a newer defused (it has migration '" +
                                           name + "', which this version does not know); refusing to open it");
    const Migration& known = migrations[count];
    if (id != known.id || name != known.name || rows.getColumn(2).getString() != sha256_hex(known.sql))
      return fail(ErrorCode::corrupt, "database " + file + ": migration " + std::to_string(id) + " ('" + name +
                                          "') is not the one this version of defused knows; refusing to open it");
    ++count;
  }
  return count;
}

}  // namespace

Result<void> refuse_foreign_file(SQLite::Database& connection, const std::string& file) {
  const bool empty = one_number(connection, "SELECT count(*) FROM sqlite_master") == 0;
  if (empty || one_number(connection, "PRAGMA application_id") == kApplicationId) return {};
  return fail(ErrorCode::corrupt, "database " + file + " does not belong to defused; refusing to touch it");
}

Result<void> migrate(SQLite::Database& connection, const std::string& file, TimePoint now) {
  return migrate(connection, file, now, all_migrations());
}

Result<void> migrate(SQLite::Database& connection, const std::string& file, TimePoint now,
                     std::span<const Migration> migrations) {
  SQLite::Transaction transaction(connection, SQLite::TransactionBehavior::IMMEDIATE);
  TRY(first, applied(connection, file, migrations));
  for (const Migration& migration : migrations.subspan(first)) {
    connection.exec(std::string(migration.sql));
    SQLite::Statement row(connection,
                          "INSERT INTO schema_migration (id, name, sha256, applied_at) VALUES (?, ?, ?, ?)");
    row.bind(1, static_cast<std::int64_t>(migration.id));
    row.bind(2, std::string(migration.name));
    row.bind(3, sha256_hex(migration.sql));
    row.bind(4, static_cast<std::int64_t>(now.time_since_epoch().count()));
    row.exec();
  }
  transaction.commit();
  return {};
}

Result<void> check_migrations(SQLite::Database& connection, const std::string& file) {
  const auto migrations = all_migrations();
  TRY(count, applied(connection, file, migrations));
  if (count == migrations.size()) return {};
  return fail(ErrorCode::unavailable, "database " + file + " has " + std::to_string(count) + " of " +
                                          std::to_string(migrations.size()) +
                                          " migrations; its writer has not opened it yet");
}

}  // namespace defuse
