// How core/stats calls Boost.Math: no exception may leave these files, so an argument out of range gives NaN, and every
// comparison with NaN is false, which no caller reads as "ok". Included by the .cc files of this folder only.
#pragma once
#include <boost/math/policies/policy.hpp>

namespace defuse {

namespace boost_policies = boost::math::policies;
using QuietPolicy = boost_policies::policy<boost_policies::domain_error<boost_policies::ignore_error>,
                                           boost_policies::pole_error<boost_policies::ignore_error>,
                                           boost_policies::overflow_error<boost_policies::ignore_error>,
                                           boost_policies::underflow_error<boost_policies::ignore_error>,
                                           boost_policies::denorm_error<boost_policies::ignore_error>,
                                           boost_policies::rounding_error<boost_policies::ignore_error>,
                                           boost_policies::evaluation_error<boost_policies::ignore_error>>;

}  // namespace defuse
