// Numbered SQL scripts, compiled in, that bring a database to the present schema. Each is recorded with its hash in
// schema_migration, together with its effect, in one transaction. A file that some newer defused migrated further, or
// whose recorded hash is not that of our script, is refused: guessing at a schema would corrupt verdicts quietly. May
// throw SQLite::Exception; called by Database::open only.
#pragma once
#include <SQLiteCpp/Database.h>

#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace defuse {

struct Migration {
  int id;                 // 1, 2, 3, … without gaps
  std::string_view name;  // "0001_initial"
  std::string_view sql;
};

std::span<const Migration> all_migrations();  // generated from migrations/*.sql

// `corrupt` for a file that is an SQLite database, but of another program.
Result<void> refuse_foreign_file(SQLite::Database& connection, const std::string& file);

Result<void> migrate(SQLite::Database& connection, const std::string& file, TimePoint now);
Result<void> migrate(SQLite::Database& connection, const std::string& file, TimePoint now,
                     std::span<const Migration> migrations);

// For readers: everything is applied, and nothing else is.
Result<void> check_migrations(SQLite::Database& connection, const std::string& file);

}  // namespace defuse
