#include "core/store/sqlite_error.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <new>

namespace defuse {
namespace {

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return ErrorCode::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupt;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return ErrorCode::exhausted;
    case SQLITE_CONSTRAINT:
      return ErrorCode::conflict;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return ErrorCode::io;
    default:
      return ErrorCode::internal;
  }
}

}  // namespace

Error sqlite_error(const SQLite::Exception& exception, const std::string& file) {
  return Error{code_of(exception.getErrorCode()), "database " + file + ": " + exception.what(), {}};
}

Error unexpected_error(const std::exception& exception, const std::string& file) {
  const bool memory = dynamic_cast<const std::bad_alloc*>(&exception) != nullptr;
  return Error{memory ? ErrorCode::exhausted : ErrorCode::internal, "database " + file + ": " + exception.what(), {}};
}

Error detail::current_exception_as_error(const std::string& file) {
  try {
    throw;
  } catch (const SQLite::Exception& exception) {
    return sqlite_error(exception, file);
  } catch (const std::exception& exception) {
    return unexpected_error(exception, file);
  }
}

}  // namespace defuse
