package examples_test

import "strings"

// question is one with these settings, user, course and mode, each JSON.
func question(settings, user, course, mode string) string {
	return `{"id":"1","settings":` + settings + `,"data":{"user":` + user + `,"course_key":` + course + `,"mode":` + mode + `}}`
}

const (
	ada           = `{"id":"ada","number":7,"is_active":true}`
	misunderstood = `{"refuse":{"code":"invalid_question","message":"The policy does not understand the question."}}`
	wrong         = `{"refuse":{"code":"invalid_settings","message":"The settings of the policy are not right."}}`
	blocked       = `{"refuse":{"code":"person_blocked","message":"You may not enrol at present."}}`
	closed        = `{"refuse":{"code":"course_closed","message":"Enrolment in c is closed."}}`
)

// asked is a question and, where it is stated, the right answer. Where the input
// is no JSON the guest libraries answer with an error of kind invalid, and so do
// these.
type asked struct{ in, want string }

// policyCases are the questions, by what is odd about them.
func policyCases() map[string][]asked {
	std := func(settings string) string { return question(settings, ada, `"c"`, `"audit"`) }
	with := func(user string) string {
		return question(`{"blocked_people":["x"],"blocked_numbers":[100]}`, user, `"c"`, `"audit"`)
	}
	numbers := func(list string) string { return std(`{"blocked_numbers":[` + list + `]}`) }
	says := func(message, want string) asked {
		return asked{std(`{"message":"` + message + `","closed_courses":["c"]}`), `{"refuse":{"code":"course_closed","message":"` + want + `"}}`}
	}
	return map[string][]asked{
		"plain": {
			{std(`{}`), `{}`}, {std(`null`), `{}`}, {std(`{"closed_courses":["c"]}`), closed}, {std(`{"closed_courses":["c*"]}`), closed},
			{std(`{"closed_courses":["*"]}`), closed}, {std(`{"closed_courses":["d","c"]}`), closed}, {std(`{"closed_courses":["C"]}`), `{}`},
			{std(`{"closed_courses":[""]}`), `{}`}, {std(`{"closed_courses":null}`), `{}`}, {std(`{"closed_courses":[]}`), `{}`},
			{std(`{"message":"","closed_courses":["c"]}`), closed},
			{std(`{"upgrade_mode":{"audit":"verified"}}`), `{"patch":{"mode":"verified"}}`}, {std(`{"upgrade_mode":{"audit":"audit"}}`), `{}`},
			{std(`{"upgrade_mode":{"audit":null}}`), `{}`}, {std(`{"upgrade_mode":{"Audit":"x"}}`), `{}`},
			{std(`{"allowed_modes":["verified"]}`), `{"refuse":{"code":"mode_not_allowed","message":"The mode audit is not offered."}}`},
			{std(`{"allowed_modes":["audit"]}`), `{}`}, {std(`{"allowed_modes":[]}`), `{}`},
			{std(`{"allowed_modes":["verified"],"upgrade_mode":{"audit":"verified"}}`), `{"patch":{"mode":"verified"}}`},
			{std(`{"blocked_people":["ada"]}`), blocked}, {std(`{"blocked_people":["Ada"]}`), `{}`},
			{with(`{"id":"x","number":1}`), blocked}, {with(`{"id":"y"}`), `{}`}, {with(`{"id":"y","number":null}`), `{}`},
			{`{"data":{"mode":"audit","course_key":"c","user":` + ada + `}}`, `{}`}, // no settings at all
		},
		"wrong types": {
			{std(`[]`), wrong}, {std(`"x"`), wrong}, {std(`1`), wrong}, {std(`true`), wrong}, {std(`{"closed_courses":"c"}`), wrong},
			{std(`{"closed_courses":[1]}`), wrong}, {std(`{"closed_courses":[null]}`), wrong}, {std(`{"message":1}`), wrong},
			{std(`{"upgrade_mode":{"audit":1}}`), wrong}, {std(`{"upgrade_mode":[]}`), wrong}, {numbers(`"7"`), wrong},
			{with(`{"id":"y","number":"100"}`), misunderstood}, {with(`{"id":null}`), misunderstood}, {with(`{"id":1}`), misunderstood},
			{with(`{}`), misunderstood}, {with(`null`), misunderstood}, {with(`[]`), misunderstood}, {with(`"x"`), misunderstood},
			{question(`{}`, ada, `null`, `"audit"`), misunderstood}, {question(`{}`, ada, `"c"`, `null`), misunderstood},
			{question(`{}`, ada, `7`, `"audit"`), misunderstood}, {question(`{}`, ada, `["c"]`, `"audit"`), misunderstood},
			{`{}`, misunderstood}, {`{"data":null}`, misunderstood}, {`{"data":[]}`, misunderstood}, {`{"settings":{}}`, misunderstood},
		},
		"escapes": {
			{std(`{"closed_courses":["\u0063"]}`), closed}, {std(`{"blocked_people":["\u0061da"]}`), blocked},
			{std(`{"closed\u005fcourses":["c"]}`), closed}, // in a key, too
			says(`Ask \"us\"\n\\ / \u2028 <&>`, `Ask \"us\"\n\\ / \u2028 <&>`), says(`\u0000\u001f\u007f`, "\\u0000\\u001f\x7f"),
			says(`\b\f\r\t\/`, `\b\f\r\t/`), says(`\ud83d\ude00\ud83d\u0041\udc00`, "😀\ufffdA\ufffd"), says(`\uD83D\uDE00\u00E9`, "😀é"),
			says(`\ud83d\ud83d\ude00`, "\ufffd😀"), says(`\\u0063`, `\\u0063`),
			{std(`{"upgrade_mode":{"audit":"a\"b\u0007"}}`), `{"patch":{"mode":"a\"b\u0007"}}`},
			{std(`{"a":"\x"}`), "error"}, {std(`{"a":"\u12"}`), "error"}, {std(`{"a":"\u12g4"}`), "error"}, {std(`{"a":"\`), "error"},
		},
		"reordered keys": {
			{with(`{"number":100,"id":"y"}`), blocked},
			{`{"data":{"mode":"audit","course_key":"c","user":` + ada + `},"settings":{"closed_courses":["c"]},"id":"1"}`, closed},
			{`{"settings":{"message":"m","closed_courses":["c"]},"data":{"mode":"audit","user":` + ada + `,"course_key":"c"}}`, `{"refuse":{"code":"course_closed","message":"m"}}`},
		},
		"duplicate keys": {
			{std(`{"closed_courses":["x"],"closed_courses":["c"]}`), closed}, {std(`{"closed_courses":["c"],"closed_courses":["x"]}`), `{}`},
			{std(`{"upgrade_mode":{"audit":"x","audit":"y"}}`), `{"patch":{"mode":"y"}}`}, {std(`{"closed_courses":["c"],"closed_courses":null}`), `{}`},
			{with(`{"id":"y","id":"x"}`), blocked}, {with(`{"id":"x","id":"y"}`), `{}`}, {std(`{"message":1,"message":"m"}`), `{}`},
			{std(`{}`)[:len(std(`{}`))-1] + `,"settings":{"closed_courses":["c"]}}`, closed},
		},
		"look-alike keys": {
			{std(`{"Closed_courses":["c"]}`), `{}`}, {std(`{"closed_courses ":["c"]}`), `{}`}, {std(`{"x":{"closed_courses":["c"]}}`), `{}`},
			{std(`{"x":"\"closed_courses\":[\"c\"]"}`), `{}`}, {std(`{"x":"\",\"closed_courses\":[\"c\"],\"y\":\""}`), `{}`},
			{std(`{"closed_courses\u0000":["c"]}`), `{}`}, {std(`{"":["c"]}`), `{}`}, {with(`{"ID":"x"}`), misunderstood},
			{with(`{"id":"y","pii":{"id":"x","name":"\"id\":\"x\""}}`), `{}`},
			{question(`{}`, ada, `"\",\"mode\":\"x"`, `"audit"`), `{}`},
		},
		"numbers": {
			{numbers(`7`), blocked}, {numbers(`8`), `{}`}, {numbers(`7.0`), wrong}, {numbers(`1e2`), wrong}, {numbers(`1E400`), wrong}, {numbers(`-0`), `{}`},
			{numbers(`9223372036854775807,-9223372036854775808`), `{}`}, {numbers(`9223372036854775808`), wrong}, {numbers(`-9223372036854775809`), wrong},
			{numbers(`18446744073709551616`), wrong}, {numbers(`18446744073709551623`), wrong}, // 7, if it wrapped around
			{numbers(`0.7e1`), wrong}, {numbers(`7e-0`), wrong}, {numbers(`07`), "error"}, {numbers(`+7`), "error"}, {numbers(`.5`), "error"}, {numbers(`1.`), "error"},
			{numbers(`1e`), "error"}, {numbers(`1e+`), "error"}, {numbers(`-`), "error"}, {numbers(`--7`), "error"}, {numbers(`0x7`), "error"}, {numbers(`NaN`), "error"}, {numbers(`7_0`), "error"},
			{with(`{"id":"y","number":1.5}`), misunderstood}, {with(`{"id":"y","number":100}`), blocked},
			{question(`{"blocked_numbers":[-9223372036854775808]}`, `{"id":"y","number":-9223372036854775808}`, `"c"`, `"audit"`), blocked},
		},
		"invalid UTF-8": {
			says("\xff\xc3(\xe2\x82", "\ufffd\ufffd(\ufffd\ufffd"), says("\xed\xa0\x80", "\ufffd\ufffd\ufffd"), says("\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
			says("\xc0\x80", "\ufffd\ufffd"), says("\xf0\x9f\x98", "\ufffd\ufffd\ufffd"), says("\xe2\x80\xa8", `\u2028`),
			{std("{\"closed_courses\":[\"\xff\"],\"x\":\"\xfe\"}"), `{}`}, {question("{\"closed_courses\":[\"\xff\"]}", ada, "\"\xfe\"", `"audit"`), ""},
			{std("{\"\xff\":1}"), `{}`}, {std("\xff"), "error"},
		},
		"space and ends": {
			{" \t\r\n" + std(`{ "closed_courses" : [ "c" ] }`) + "\n ", closed}, {std(`{"closed_courses":["c"]}`) + "{}", "error"}, {std(`{}`) + "x", "error"},
			{"\ufeff" + std(`{}`), "error"}, {"\v" + std(`{}`), "error"}, {std(`{}`) + "\x00", "error"}, {``, "error"}, {` `, "error"}, {`{`, "error"}, {`{"a":1,}`, "error"},
			{`{"a" 1}`, "error"}, {`{a:1}`, "error"}, {`[1,2`, "error"}, {`[1,]`, "error"}, {`[1}`, "error"}, {`{"a":tru}`, "error"}, {`{"a":truex}`, "error"},
			{"{\"a\":\"\n\"}", "error"}, {`{"a":'b'}`, "error"}, {`{"a":"b`, "error"}, {`{,}`, "error"}, {`{"a":1 /* b */}`, "error"},
		},
		"huge values": {
			{std(`{"message":"` + strings.Repeat("m", 40_000) + `","closed_courses":["c"]}`), ""}, {question(`{}`, ada, `"`+strings.Repeat("k", 40_000)+`"`, `"audit"`), `{}`},
			says(strings.Repeat(`\u00e9`, 20_000), strings.Repeat("é", 20_000)), says(strings.Repeat(`\"`, 40_000), strings.Repeat(`\"`, 40_000)),
			{std(`{"closed_courses":["` + strings.Repeat(`x","`, 1000) + `c"]}`), closed}, {numbers(strings.Repeat(`9`, 100_000)), wrong}, {numbers(`1` + strings.Repeat(`0`, 19) + `7`), wrong},
			{std(`{"x":[` + strings.Repeat(`0,`, 20_000) + `0],"closed_courses":["c"]}`), closed},
		},
		"deep nesting": {
			{std(`{"x":` + strings.Repeat(`[`, 500) + strings.Repeat(`]`, 500) + `,"closed_courses":["c"]}`), closed},
			{std(`{"x":` + strings.Repeat(`{"a":`, 400) + `1` + strings.Repeat(`}`, 400) + `,"closed_courses":["c"]}`), closed},
			{std(`{"x":` + strings.Repeat(`[`, 9_998) + strings.Repeat(`]`, 9_998) + `,"closed_courses":["c"]}`), closed}, // 10,000 in all
			{std(`{"x":` + strings.Repeat(`[`, 9_999) + strings.Repeat(`]`, 9_999) + `,"closed_courses":["c"]}`), "error"},
			{strings.Repeat(`[`, 10_001) + strings.Repeat(`]`, 10_001), "error"}, {std(`{"x":` + strings.Repeat(`[`, 10_000)), "error"},
			{std(`{"x":` + strings.Repeat(`[`, 300) + strings.Repeat(`]`, 299) + `}`), "error"},
		},
	}
}
