#include "reports/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace defuse {
namespace {

TEST(Percent, HasSensibleDigits) {
  EXPECT_EQ(percent(0.9843), "98.4 %");
  EXPECT_EQ(percent(0.02), "2 %");
  EXPECT_EQ(percent(0.0061), "0.61 %");
  EXPECT_EQ(percent(0.9999), "99.99 %");
  EXPECT_EQ(percent(-0.0031), "-0.31 %");
  EXPECT_EQ(percent(0), "0 %");
  EXPECT_EQ(percent(1), "100 %");
}

TEST(Percent, NeverRoundsToAllOrNothing) {
  EXPECT_EQ(percent(0.999999), "99.99 %");
  EXPECT_EQ(percent(0.00000001), "< 0.01 %");
  EXPECT_EQ(percent(-0.00000001), "> -0.01 %");
}

TEST(Percent, SaysNothingAboutWhatDoesNotApply) {
  EXPECT_EQ(percent(std::numeric_limits<double>::quiet_NaN()), "–");
  EXPECT_EQ(percent(std::numeric_limits<double>::infinity()), "–");
}

TEST(Numbers, ReadAsPeopleWriteThem) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(grouped(-12'345), "-12,345");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
  EXPECT_EQ(plural(1, "image"), "1 image");
  EXPECT_EQ(plural(1'400, "image"), "1,400 images");
  EXPECT_EQ(points(0.0031), "+0.31 points");
  EXPECT_EQ(points(-0.000001), "±0 points");
  EXPECT_EQ(probability(0.0123), "0.012");
  EXPECT_EQ(probability(0.00001), "< 0.0001");
  EXPECT_EQ(probability(0.5), "0.50");
  EXPECT_EQ(bytes(512), "512 B");
  EXPECT_EQ(bytes(410ULL << 20), "410 MiB");
  EXPECT_EQ(bytes(std::numeric_limits<std::uint64_t>::max()), "16777216 TiB");
  EXPECT_EQ(duration(0.214), "0.21 s");
  EXPECT_EQ(duration(200), "3 min 20 s");
}

TEST(Clean, KeepsGoodUtf8AndReplacesTheRest) {
  EXPECT_EQ(clean("Größe 7 – “ok” 🙂"), "Größe 7 – “ok” 🙂");
  EXPECT_EQ(clean("a\xff"
                  "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean("\xc0\xaf"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // an overlong slash
  EXPECT_EQ(clean("\xed\xa0\x80").find('\xed'), std::string::npos);          // half a surrogate pair
  EXPECT_EQ(clean("\xf0\x9f\x99"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // cut in the middle
  EXPECT_EQ(clean(std::string("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean("one\ntwo\r\tthree"), "one two  three");
  EXPECT_EQ(clean("fdp.\xe2\x80\xae"
                  "exe"),
            "fdp.\xEF\xBF\xBD"
            "exe");  // right-to-left override
}

TEST(Clean, CutsAtACharacterAndShowsIt) {
  EXPECT_EQ(clean("abcdef", 3), "abc…");
  EXPECT_EQ(clean("aé", 2), "a…");
  EXPECT_EQ(clean("abc", 3), "abc");
}

TEST(MarkdownEscape, LeavesNothingThatAForgeActsOn) {
  EXPECT_EQ(markdown_escaped("a|b"), "a\\|b");
  EXPECT_EQ(markdown_escaped("<img>&"), "&lt;img&gt;&amp;");
  EXPECT_EQ(markdown_escaped("`x` *y* [z](u)"), "\\`x\\` \\*y\\* \\[z\\](u)");
  EXPECT_EQ(markdown_escaped("@team #1"), "@&#8203;team #&#8203;1");
  EXPECT_EQ(markdown_escaped("https://evil.example"), "https&#58;//evil.example");
  EXPECT_EQ(markdown_escaped("www.evil.example"), "www&#46;evil.example");
  EXPECT_EQ(markdown_escaped("a\n# b"), "a #&#8203; b");
}

TEST(XmlEscape, LeavesNoMarkup) {
  EXPECT_EQ(xml_escaped("<a b=\"c\">&'\x02"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\xEF\xBF\xBD");
}

TEST(UrlEscape, KeepsASegmentASegment) {
  EXPECT_EQ(url_escaped("v1.2_a-b"), "v1.2_a-b");
  EXPECT_EQ(url_escaped("../x?y#z"), "..%2Fx%3Fy%23z");
}

}  // namespace
}  // namespace defuse
