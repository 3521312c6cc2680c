#include "core/store/judgements.h"

#include "core/store/columns.h"

namespace defuse {

Result<JudgementHistory> JudgementStore::history(const ModelName& model, const Digest& digest) {
  return database_.read("counting judgements", [&](Transaction& in) -> Result<JudgementHistory> {
    auto row = in.query(
                     "SELECT data_digest, count(*), sum(rejected), max(position), "
                     "coalesce(max(CASE WHEN digest = ? THEN position END), 0), "
                     "coalesce(max(CASE WHEN digest = ? THEN rejections END), 0) "
                     "FROM judgements WHERE model = ? GROUP BY data_digest ORDER BY data_digest")
                   .with(digest, digest, model);
    JudgementHistory history;
    while (row.next()) {
      DataStanding data;
      data.data_digest = row.text();
      const auto judged = row.integer(), rejected = row.integer(), last = row.integer();
      const auto own_position = row.integer(), own_rejections = row.integer();
      const bool before = own_position > 0;
      data.judgements = before ? judged : judged + 1;
      data.position = before ? own_position : last + 1;
      data.rejections = before ? own_rejections : rejected;
      history.data.push_back(std::move(data));
    }
    return history;
  });
}

void JudgementStore::note(Transaction& in, const VerdictRow& verdict) {
  if (!verdict.judgement) return;
  const Judgement& judged = *verdict.judgement;
  in.query(
        "INSERT INTO judgements (model, data_digest, digest, version, position, rejections, rejected, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, data_digest, digest) DO UPDATE SET "
        "rejected = excluded.rejected")
      .with(verdict.model, judged.data_digest, verdict.digest, verdict.version, judged.position, judged.rejections,
            judged.rejected ? 1 : 0, verdict.created)
      .run();
}

}  // namespace defuse
