#include "daemon/dashboard/page.h"

#include <kainjow/mustache.hpp>
#include <limits>

#include "daemon/dashboard/embedded.h"
#include "reports/text.h"

namespace defuse {
namespace {

using kainjow::mustache::data;

// What several pages have in common: {{>words_part}} and so on.
constexpr const char* kParts[] = {"trend", "words", "waiver_form"};

// Names and reasons are other people's: no control character reaches a page, nor one that turns the direction of
// writing.
std::string shown(const std::string& text) { return clean(text, std::numeric_limits<std::size_t>::max() / 2); }

data to_data(const Json& json) {
  switch (json.type()) {
    case Json::value_t::object: {
      data object{data::type::object};
      for (const auto& item : json.items()) object.set(item.key(), to_data(item.value()));
      return object;
    }
    case Json::value_t::array: {
      data list{data::type::list};
      for (const auto& item : json) list.push_back(to_data(item));
      return list;
    }
    case Json::value_t::string: {
      const auto& text = json.get_ref<const std::string&>();
      if (text.empty()) return data{false};  // so that {{#x}} … {{/x}} hides what has no text
      return data{shown(text)};
    }
    case Json::value_t::boolean:
      return data{json.get<bool>()};
    case Json::value_t::null:
    case Json::value_t::discarded:
      return data{false};
    default:
      return data{dump_json(json)};
  }
}

Result<std::string> fill(std::string_view name, const data& values) {
  const auto text = embedded_file(name);
  if (text.empty()) return fail(ErrorCode::internal, "there is no template " + std::string(name));
  kainjow::mustache::mustache page(text);
  if (!page.is_valid()) return fail(ErrorCode::internal, std::string(name) + ": " + page.error_message());
  return page.render(values);
}

}  // namespace

Result<std::string> render_page(std::string_view template_name, const Json& data_json) {
  auto values = to_data(data_json);
  for (const char* part : kParts)
    values.set(std::string(part) + "_part", data{kainjow::mustache::partial{[part] {
                 return embedded_file("dashboard_" + std::string(part) + ".mustache");
               }}});
  TRY(body, fill(template_name, values));
  values.set("body", data{body});
  return fill("dashboard_layout.mustache", values);
}

}  // namespace defuse
