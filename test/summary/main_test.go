package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string // events as "action package test output"
		ok   bool
		want []string // lines that must be there
		not  string   // and text that must not
	}{
		{"passes", `pass p A; pass p -`, true, []string{"ok   p", "1 passed, 0 failed, 0 skipped"}, "skipped:"},
		{"counts subtests, not their parent", `pass p A/x; pass p A/y; pass p A; pass p -`, true, []string{"2 passed, 0 failed, 0 skipped"}, ""},
		{"shows what a failing test said", `output p A wrong; output p B right; fail p A; pass p B; fail p -`, false,
			[]string{"FAIL p A", "     wrong", "1 passed, 1 failed, 0 skipped"}, "right"},
		{"says why one was skipped", `output p A no-terraform; skip p A; pass p -`, true,
			[]string{"skipped:", "     p A: no-terraform", "0 passed, 0 failed, 1 skipped"}, ""},
		{"a panic fails the package", `output p A panic:boom; fail p -`, false,
			[]string{"FAIL p", "     panic:boom", "failed as a whole: p", "0 passed, 0 failed, 0 skipped"}, ""},
		{"a build error fails the package", `build-output p - x.go:1:undefined; fail p -`, false,
			[]string{"     x.go:1:undefined", "failed as a whole: p"}, ""},
		{"nothing ran", ``, false, []string{"0 passed, 0 failed, 0 skipped"}, ""},
		{"text of the go tool itself", `no such flag`, false, []string{"no such flag"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := summarize(strings.NewReader(events(tc.in)), &out)
			if err != nil || ok != tc.ok {
				t.Errorf("ok is %v, error %v, want ok %v", ok, err, tc.ok)
			}
			for _, want := range tc.want {
				if !strings.Contains("\n"+out.String(), "\n"+want) {
					t.Errorf("no line %q in\n%s", want, out.String())
				}
			}
			if tc.not != "" && strings.Contains(out.String(), tc.not) {
				t.Errorf("%q is in\n%s", tc.not, out.String())
			}
		})
	}
}

// events turns "action package test output; …" into what `go test -json` writes.
func events(short string) string {
	var b strings.Builder
	for e := range strings.SplitSeq(short, "; ") {
		f := strings.Fields(e)
		if len(f) < 3 || f[0] == "no" {
			b.WriteString(e + "\n")
			continue
		}
		f = append(f, "")
		name := strings.TrimPrefix(f[2], "-")
		b.WriteString(`{"Action":"` + f[0] + `","Package":"` + f[1] + `","Test":"` + name + `","ImportPath":"` + f[1] +
			`","FailedBuild":"` + f[1] + `","Output":"` + f[3] + `\n"}` + "\n")
	}
	return b.String()
}
