#include "daemon/http/status_map.h"

namespace defuse {

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::invalid_input:
      return 400;
    case ErrorCode::unavailable:
      return 503;
    case ErrorCode::io:
      return 500;
    case ErrorCode::corrupt:
      return 500;
    case ErrorCode::cancelled:
      return 503;
    case ErrorCode::exhausted:
      return 503;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

int gate_status(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return 200;
    case VerdictState::fail:
      return 412;
    case VerdictState::inconclusive:
      return 409;
    case VerdictState::error:
      return 422;
  }
  return 500;
}

const char* status_title(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

}  // namespace defuse
