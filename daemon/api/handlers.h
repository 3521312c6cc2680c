// The handlers of the HTTP API, one a route (daemon/http/routes.cc); each file beside this one holds those of one
// subject.
#pragma once
#include "daemon/api/call.h"

namespace defuse::http {

Answer livez(const Call&);
Answer readyz(const Call&);
Answer metrics(const Call&);
Answer models(const Call&);
Answer model(const Call&);
Answer versions(const Call&);
Answer version(const Call&);
Answer verdict(const Call&);
Answer gate(const Call&);
Answer report(const Call&);
Answer report_file(const Call&);
Answer regions(const Call&);
Answer region(const Call&);
Answer region_sample(const Call&);
Answer region_neighbour(const Call&);
Answer evaluate(const Call&);
Answer promote(const Call&);
Answer rollback(const Call&);
Answer label_region(const Call&);
Answer waivers(const Call&);
Answer add_waiver(const Call&);
Answer remove_waiver(const Call&);
Answer correct(const Call&);
Answer correction(const Call&);
Answer repair_picture(const Call&);
Answer repair_manifest(const Call&);
Answer repair_model(const Call&);
Answer jobs(const Call&);
Answer job(const Call&);
Answer cancel_job(const Call&);
Answer events(const Call&);
Answer audit(const Call&);
Answer openapi(const Call&);

}  // namespace defuse::http
