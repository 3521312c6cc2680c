// How a struct that travels as JSON is described, once, for everything that is made of its description:
//   template <class V, Is<Finding> T>
//   void describe(V& v, T& s) {
//     v.field("id", s.id);                                  // the form follows from the type (forms.h), or is named:
//     v.field("decision", s.decision, form::OneOf{kDecisions});
//     v.list("labels", s.labels, kMostLabels);              // of single values, at most so many
//     v.object("overall", s.overall);                       // another described struct; optional: or null
//     v.objects("findings", s.findings, kMostFindings);
//     v.check(!s.id.empty(), "id", "is missing");           // a rule about what was read, blamed on a key
//   }
// Settings (core/settings/fields.h) say what they are for as well, and whether they must be given:
//     v.field("draws", s.draws, Whole<int>{1, 1000}, "perturbations per seed image", Need::optional);
// Visitors walk through it: DocumentReader and DocumentWriter here, SchemaWriter (schema_writer.h) for a JSON Schema.
// Keys stand in the document in the order of the description. All in namespace defuse, where visitors look for them;
// a struct has one description in the whole program, as visitors are compiled for it once.
#pragma once
#include <type_traits>

namespace defuse {

// T is S, changeable (for readers) or not (for writers).
template <class T, class S>
concept Is = std::is_same_v<std::remove_const_t<T>, S>;

enum class Need { optional, required };

}  // namespace defuse
