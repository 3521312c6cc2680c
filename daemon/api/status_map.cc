#include "daemon/api/status_map.h"

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

int gate_status(GateAnswer answer) {
  switch (answer) {
    case GateAnswer::pass:
      return 200;
    case GateAnswer::fail:
      return 412;
    case GateAnswer::inconclusive:
      return 409;
    case GateAnswer::error:
      return 422;
    case GateAnswer::not_judged:
      return 503;
    case GateAnswer::unknown:
      return 404;
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
    case 304:
      return "Not Modified";
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
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

}  // namespace defuse
