// What two JSON Schemas are compared by: the shape of the documents they allow, whatever they say about it and in
// whichever order.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace defuse::schema {

using Shape = nlohmann::json;  // keys in order of their names

// Without descriptions, and with what it refers to in place.
inline Shape shape_of(const Json& schema, const Json& root) {
  if (schema.contains("$ref")) {
    const auto place = schema["$ref"].get<std::string>();
    return shape_of(root.at(Json::json_pointer(place.substr(1))), root);
  }
  Shape shape = Shape::object();
  for (const auto& [key, value] : schema.items()) {
    if (key == "description") continue;
    if (key == "properties") {
      shape[key] = Shape::object();
      for (const auto& [name, inner] : value.items()) shape[key][name] = shape_of(inner, root);
    } else if (key == "items") {
      shape[key] = shape_of(value, root);
    } else if (key == "required") {
      auto names = value.get<std::vector<std::string>>();
      std::sort(names.begin(), names.end());
      shape[key] = names;
    } else {
      shape[key] = Shape::parse(value.dump());
    }
  }
  return shape;
}

// A line for each place where they differ.
inline std::string difference(const Shape& published, const Shape& described) {
  std::string text;
  for (const auto& step : Shape::diff(published, described)) {
    const auto place = step["path"].get<std::string>();
    const auto at = [&](const Shape& shape) {
      const Shape::json_pointer pointer(place);
      return shape.contains(pointer) ? shape[pointer].dump() : std::string("nothing");
    };
    text += place + ": published " + at(published) + ", described " + at(described) + "\n";
  }
  return text;
}

}  // namespace defuse::schema
