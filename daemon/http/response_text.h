// An answer's first bytes: status line and headers. Pure but for the date.
#pragma once
#include <string>

#include "daemon/api/api.h"

namespace defuse {

std::string response_head(const ApiResponse& response, bool keep_alive, bool tls);
// Of an answer that came through a Relay: its headers say all but what concerns this connection.
std::string relayed_head(const ApiResponse& response, bool keep_alive, bool tls);
// Of a stream of events, with a first comment so that a client sees it begin.
std::string stream_head(const ApiResponse& response, bool tls);

}  // namespace defuse
