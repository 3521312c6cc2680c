// One test split, many candidates: what it still proves after H judgements, and levels for a stream of tests. Called by
// core/verdict/test_reuse.cc for reports and for the level of a job. Pure functions, thread-safe.
//   epsilon tolerance   delta chance that the statement is wrong   H judgements   n images   p discordance of two
//   models
// `adaptive` assumes that whoever makes candidates learned pass or fail of each judgement and made the next one by it
// (2^H possible histories); `planned`, that all H candidates were there before the first was judged (H of them). Who is
// shown more than pass or fail, pictures of broken images say, wears the split out faster than either.
#pragma once
#include <cstdint>

namespace defuse {

enum class Reuse { planned, adaptive };

// Hoeffding: images for "the accuracy of every one of H candidates lies at most epsilon below what was measured".
double images_for_accuracy(double epsilon, double delta, std::int64_t judgements, Reuse reuse);
// Bennett: images for "the accuracy drop against another model is within epsilon of what was measured, both ways", when
// the two models are known to differ on at most a share p of all images.
double images_for_drop(double epsilon, double discordance, double delta, std::int64_t judgements, Reuse reuse);

// The inverses: what n images hold. At most 1; 1 for no image.
double accuracy_tolerance(std::int64_t images, double delta, std::int64_t judgements, Reuse reuse);
double drop_tolerance(std::int64_t images, double discordance, double delta, std::int64_t judgements, Reuse reuse);

// h(u) = (1 + u) ln(1 + u) - u, for u >= 0.
double bennett_h(double u);

// LOND's level for candidate i of a stream (i from 1), `rejections` of the earlier ones having been rejected: 6 alpha /
// (pi^2 i^2) times (rejections + 1), rejections counted as i - 1 at most. Never above alpha.
double lond_level(double alpha, std::int64_t position, std::int64_t rejections);
// Equal shares of alpha among `planned` candidates (Bonferroni over the stream).
double spending_level(double alpha, std::int64_t planned);

}  // namespace defuse
