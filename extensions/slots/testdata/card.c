// A card with a number of its own and a chart, for measuring; the same as card, which
// is in Go.
#include "trellis_ui.h"

static tr_str show(tr_value *in) {
  tr_value *a = 0;
  tr_i64 n = 0;
  (void)in;
  if (!tr_call(TR("kv.get"), TR("{\"key\":\"n\"}"), &a)) tr_integer(tr_get(a, TR("value")), &n);
  static const tr_str labels[] = {TR("Mon"), TR("Tue"), TR("Wed"), TR("Thu"), TR("Fri"), TR("Sat"), TR("Sun")};
  static const tr_i64 values[] = {3, 1, 4, 1, 5, 9, 2};
  tr_out o = {0};
  tr_int(&o, n);
  tr_ui u = {0};
  tr_ui_card(&u, TR("Today"));
  tr_ui_runs(&u);
  tr_ui_plain(&u, TR("Enrolled: "));
  tr_ui_strong(&u, tr_done(&o));
  tr_ui_end(&u);
  tr_ui_bars(&u, TR("Most came on Saturday"), TR("People"), labels, values, 7);
  tr_ui_button(&u, TR("Count again"), TR("again"), 0, 0);
  return tr_ui_done(&u);
}
TR_HOOK(card, show)

static tr_str none(tr_value *in) { (void)in; return tr_ui_say(TR("Counted."), TR_OK, 0); }
TR_HOOK(again, none)
