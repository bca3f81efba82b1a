// Package house checks the rules of the house that a machine can check: who
// imports whom, what a plan may call, comments, lengths, names and words.
//
// The rules are explained in ARCHITECTURE.md. Each is a function from sources
// to complaints, and has a test of itself in house_rules_test.go.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "berth/"

// source is one text file of the repository.
type source struct {
	path string // from the root, with slashes: state/store.go
	text string
	ast  *ast.File // nil where the file is not Go
	fset *token.FileSet
}

func (s source) folder() string { return path.Dir(s.path) }
func (s source) isTest() bool   { return strings.HasSuffix(s.path, "_test.go") }

// at prefixes a complaint with where its reason stands.
func (s source) at(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", s.path, s.fset.Position(pos).Line) + fmt.Sprintf(format, args...)
}

// parse reads one file; a Go file that does not parse is an error.
func parse(name, text string) (source, error) {
	s := source{path: name, text: text, fset: token.NewFileSet()}
	if !strings.HasSuffix(name, ".go") {
		return s, nil
	}
	var err error
	s.ast, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

// rules lists every rule of the house.
var rules = map[string]func([]source) []string{
	"imports":            checkImports,
	"SDK in aws":         checkSDK,
	"plans are pure":     checkPlans,
	"package comments":   checkComments,
	"lengths":            checkLengths,
	"no init":            checkInit,
	"no global state":    checkGlobals,
	"environment":        checkEnvironment,
	"no sleeps in tests": checkSleeps,
	"names":              checkNames,
	"words":              checkWords,
	"decisions":          checkDecisions,
}

func TestHouse(t *testing.T) {
	sources, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		t.Run(name, func(t *testing.T) {
			for _, complaint := range rules[name](sources) {
				t.Error(complaint)
			}
		})
	}
}

// repository reads all text files below the root.
func repository() ([]source, error) {
	var sources []source
	skip := []string{".git", ".cache", "bin", "node_modules"}
	kinds := []string{".go", ".md", ".sh", ".py", ".tf", ".conf", ".yml", ".yaml", ".json", ".ts", ".tsx"}
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skip, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !slices.Contains(kinds, path.Ext(name)) && name != "Makefile" && name != ".ci/run":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		s, err := parse(name, string(text))
		sources = append(sources, s)
		return err
	})
	return sources, err
}

// mayImport is the table of ARCHITECTURE.md: the packages of this repository
// that a package may import. The first pattern that matches the importer counts.
// "x/..." means x and all below it; "+x" is x with all that imports it.
var mayImport = []struct {
	importer     string
	may, mustNot []string
}{
	{importer: "aws/wiretest", may: []string{"..."}},
	{importer: "aws/protocol", may: []string{"aws/...", "iam"}},
	{importer: "aws/...", may: []string{"aws/..."}},
	{importer: "iam/...", may: []string{"aws/arn"}},
	{importer: "registry/...", may: []string{"registry/..."}},
	{importer: "logstore/...", may: []string{"aws/arn"}},
	{importer: "metricstore/...", may: []string{"aws/arn"}},
	{importer: "state/...", may: []string{"state/...", "aws/arn", "aws/shape"}},
	{importer: "plan/route", may: []string{"state", "plan", "proxy/table"}},
	{importer: "plan/place", may: []string{"state", "plan", "plan/query", "plan/vpc"}},
	{importer: "plan/deploy", may: []string{"state", "plan", "plan/place", "plan/vpc"}},
	{importer: "plan/daemon", may: []string{"state", "plan", "plan/place"}},
	{importer: "plan/access", may: []string{"state", "iam", "aws/arn"}},
	{importer: "plan/...", may: []string{"state", "plan"}},
	{importer: "control/...", may: []string{"control/...", "state", "plan/...", "metricstore"}},
	{importer: "proxy/table", may: []string{}},
	{importer: "proxy/...", may: []string{"proxy/..."}},
	{importer: "agent/...", may: []string{"agent/...", "api/acs/message"}},
	{importer: "cli/...", may: []string{"cli/...", "aws/arn"}, mustNot: []string{"+state"}},
	{importer: "console/...", may: []string{"console/...", "aws/arn"}, mustNot: []string{"+state"}},
	{importer: "server", may: []string{"..."}, mustNot: []string{"cmd/...", "sim/...", "test/...", "bench/..."}},
	{importer: "cmd/...", may: []string{"cmd/...", "server", "cli/...", "agent/...", "proxy/..."}},
	{importer: "sim/...", may: []string{"..."}},
	{importer: "test/...", may: []string{"..."}},
	{importer: "bench/...", may: []string{"..."}},
}

// fromAPI is what an API package may import beside what is below itself.
var fromAPI = []string{"aws/...", "state", "state/seal", "plan/...", "iam", "logstore", "metricstore", "registry"}

// matches reports whether pattern ("x", "x/..." or "...") covers pkg.
func matches(pattern, pkg string) bool {
	if parent, ok := strings.CutSuffix(pattern, "..."); ok {
		return pattern == "..." || strings.HasPrefix(pkg+"/", parent)
	}
	return pattern == pkg
}

func checkImports(sources []source) (complaints []string) {
	onState := dependents(sources, "state")
	for _, s := range sources {
		if s.ast == nil || s.isTest() {
			continue
		}
		may, mustNot, known := allowed(s.folder())
		if !known {
			complaints = append(complaints, s.path+": no row of the import table covers this folder")
			continue
		}
		for _, spec := range s.ast.Imports {
			pkg, ours := strings.CutPrefix(importPath(spec), module)
			if !ours {
				continue
			}
			covers := func(pattern string) bool { return matches(pattern, pkg) || pattern == "+state" && onState[pkg] }
			if !slices.ContainsFunc(may, covers) || slices.ContainsFunc(mustNot, covers) {
				complaints = append(complaints, s.at(spec.Pos(), "%s may not import %s", s.folder(), pkg))
			}
		}
	}
	return complaints
}

// allowed finds the row of the import table for a folder.
func allowed(folder string) (may, mustNot []string, known bool) {
	if rest, ok := strings.CutPrefix(folder, "api/"); ok {
		service, _, _ := strings.Cut(rest, "/")
		return append([]string{"api/" + service + "/..."}, fromAPI...), nil, true
	}
	for _, row := range mayImport {
		if matches(row.importer, folder) {
			return row.may, row.mustNot, true
		}
	}
	return nil, nil, false
}

// dependents is the set of packages that import pkg, directly or not, and pkg.
func dependents(sources []source, pkg string) map[string]bool {
	set := map[string]bool{pkg: true}
	for grown := true; grown; {
		grown = false
		for _, s := range sources {
			if s.ast == nil || s.isTest() || set[s.folder()] {
				continue
			}
			for _, spec := range s.ast.Imports {
				if set[strings.TrimPrefix(importPath(spec), module)] {
					set[s.folder()], grown = true, true
				}
			}
		}
	}
	return set
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	return p
}

// checkSDK keeps aws/ free of services: it knows protocols alone.
func checkSDK(sources []source) (complaints []string) {
	for _, s := range sources {
		if s.ast == nil || s.isTest() || !matches("aws/...", s.folder()) || s.folder() == "aws/wiretest" {
			continue
		}
		for _, spec := range s.ast.Imports {
			if strings.Contains(importPath(spec), "/aws-sdk-go-v2/service/") {
				complaints = append(complaints, s.at(spec.Pos(), "aws/ knows no service: imports %s", importPath(spec)))
			}
		}
	}
	return complaints
}

// checkPlans: same view, same time, same plan.
func checkPlans(sources []source) (complaints []string) {
	impure := regexp.MustCompile(`^(net|net/http.*|os|os/.*|log|log/.*|math/rand.*|crypto/rand|context|sync|sync/.*)$`)
	for _, s := range sources {
		if s.ast == nil || s.isTest() || !matches("plan/...", s.folder()) {
			continue
		}
		for _, spec := range s.ast.Imports {
			if impure.MatchString(importPath(spec)) {
				complaints = append(complaints, s.at(spec.Pos(), "a plan is pure: may not import %s", importPath(spec)))
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				complaints = append(complaints, s.at(g.Pos(), "a plan is pure: starts a goroutine"))
			}
			return true
		})
		for _, use := range uses(s, "time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker") {
			complaints = append(complaints, s.at(use.Pos(), "a plan is given its time: calls time.%s", use.Sel.Name))
		}
	}
	return complaints
}

// uses finds pkg.name for each of names, under whatever name s imports pkg.
func uses(s source, pkg string, names ...string) (found []*ast.SelectorExpr) {
	local := ""
	for _, spec := range s.ast.Imports {
		if importPath(spec) == pkg {
			local = path.Base(pkg)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				found = append(found, sel)
			}
		}
		return true
	})
	return found
}

// checkComments wants one package comment per package, of fewer than 10 lines,
// not counting empty ones.
func checkComments(sources []source) (complaints []string) {
	has := map[string]bool{}
	for _, s := range sources {
		if s.ast == nil || strings.HasSuffix(s.ast.Name.Name, "_test") {
			continue
		}
		has[s.folder()] = has[s.folder()] || s.ast.Doc != nil
		if s.ast.Doc == nil {
			continue
		}
		text := s.ast.Doc.Text()
		if n := len(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })); n >= 10 {
			complaints = append(complaints, s.at(s.ast.Doc.Pos(), "package comment has %d lines, want fewer than 10", n))
		}
		want := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			want = "Command " + path.Base(s.folder()) + " "
		}
		if !strings.HasPrefix(text, want) {
			complaints = append(complaints, s.at(s.ast.Doc.Pos(), "package comment starts with %q, want %q", strings.SplitN(text, "\n", 2)[0], want))
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(has)) {
		if !has[folder] {
			complaints = append(complaints, folder+": no package comment")
		}
	}
	return complaints
}

// checkLengths: files up to 800 lines, functions up to 100.
func checkLengths(sources []source) (complaints []string) {
	for _, s := range sources {
		if s.ast == nil {
			continue
		}
		if n := strings.Count(s.text, "\n"); n > 800 {
			complaints = append(complaints, fmt.Sprintf("%s: %d lines, want at most 800", s.path, n))
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > 100 {
				complaints = append(complaints, s.at(f.Pos(), "%s has %d lines, want at most 100", f.Name.Name, n))
			}
		}
	}
	return complaints
}

func checkInit(sources []source) (complaints []string) {
	for _, s := range sources {
		if s.ast == nil {
			continue
		}
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				complaints = append(complaints, s.at(f.Pos(), "init() hides order and effect: let the composition root call it"))
			}
		}
	}
	return complaints
}

// checkGlobals finds package variables that can only be there to change: locks,
// atomics, channels, and maps that start empty.
func checkGlobals(sources []source) (complaints []string) {
	for _, s := range sources {
		if s.ast == nil {
			continue
		}
		for _, decl := range s.ast.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if isState(v) {
					complaints = append(complaints, s.at(v.Pos(), "%s is state in a global", v.Names[0].Name))
				}
			}
		}
	}
	return complaints
}

func isState(v *ast.ValueSpec) bool {
	found := false
	ast.Inspect(v, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			once := n.Sel.Name == "OnceFunc" // does something once; holds nothing
			found = found || ok && (x.Name == "sync" && !once || x.Name == "atomic")
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.Ident)
			found = found || ok && f.Name == "make"
		}
		return true
	})
	_, isMap := v.Type.(*ast.MapType)
	return found || isMap && v.Values == nil
}

// checkEnvironment: only cmd reads it, and makes a Config of it.
func checkEnvironment(sources []source) (complaints []string) {
	for _, s := range sources {
		if s.ast == nil || s.isTest() || matches("cmd/...", s.folder()) || matches("test/...", s.folder()) || matches("bench/...", s.folder()) {
			continue
		}
		for _, use := range uses(s, "os", "Getenv", "LookupEnv", "Environ", "ExpandEnv") {
			complaints = append(complaints, s.at(use.Pos(), "only cmd reads the environment: calls os.%s", use.Sel.Name))
		}
	}
	return complaints
}

// checkSleeps: a test waits for what it needs, or runs on synctest's clock.
func checkSleeps(sources []source) (complaints []string) {
	for _, s := range sources {
		if s.ast == nil || !s.isTest() && !matches("test/...", s.folder()) && !matches("sim/...", s.folder()) {
			continue
		}
		for _, use := range uses(s, "time", "Sleep") {
			complaints = append(complaints, s.at(use.Pos(), "time.Sleep in a test"))
		}
		if imports(s, "testing/synctest") {
			continue // its clock is a fake: to wait takes no time
		}
		waits := uses(s, "time", "After")
		limits := map[ast.Node]bool{} // cases of a select: they bound a wait for something else
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if clause, ok := n.(*ast.CommClause); ok {
				limits[clause.Comm] = true
			}
			if statement, ok := n.(*ast.ExprStmt); ok && !limits[n] && isAnyReceive(statement.X, waits) {
				complaints = append(complaints, s.at(n.Pos(), "a bare wait for time.After in a test is a sleep"))
			}
			return true
		})
	}
	return complaints
}

// isAnyReceive reports whether x is <-f(…) for any of those f.
func isAnyReceive(x ast.Expr, functions []*ast.SelectorExpr) bool {
	receive, ok := x.(*ast.UnaryExpr)
	if !ok || receive.Op != token.ARROW {
		return false
	}
	call, ok := receive.X.(*ast.CallExpr)
	return ok && slices.ContainsFunc(functions, func(f *ast.SelectorExpr) bool { return call.Fun == f })
}

func imports(s source, pkg string) bool {
	return slices.ContainsFunc(s.ast.Imports, func(spec *ast.ImportSpec) bool { return importPath(spec) == pkg })
}

// checkNames: packages are named for what they give, types in our words.
func checkNames(sources []source) (complaints []string) {
	vague := regexp.MustCompile(`^(utils?|common|helpers?|managers?|models?|types|interfaces|mocks?|internal|pkg|core|misc|base|shared)$`)
	badType := regexp.MustCompile(`(Manager|Handler|Helper|Impl|Data|Info)$|^(Node|Pod|Job|Replica|Allocation|Worker)s?$`)
	for _, s := range sources {
		if s.ast == nil {
			continue
		}
		for folder := range strings.SplitSeq(s.folder(), "/") {
			if vague.MatchString(folder) {
				complaints = append(complaints, s.path+": folder "+folder+" says nothing about what it gives")
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if t, ok := n.(*ast.TypeSpec); ok && badType.MatchString(t.Name.Name) {
				complaints = append(complaints, s.at(t.Pos(), "type %s: say what it is, in the words of ARCHITECTURE.md", t.Name.Name))
			}
			return true
		})
	}
	return complaints
}

// checkWords: the repository speaks of the product alone, and is finished.
func checkWords(sources []source) (complaints []string) {
	banned := map[string]*regexp.Regexp{
		"a path of somebody's machine": regexp.MustCompile(`(^|[\s"'(=:` + "`" + `])/(home|Users|work|workspaces?)/\w`),
		"a package registry's host":    regexp.MustCompile(`(proxy|sum)\.golang\.org|registry\.npmjs\.org|pypi\.org|deb\.debian\.org`),
		"unfinished work":              regexp.MustCompile(`\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b`),
	}
	for _, s := range sources {
		n := 0
		for line := range strings.Lines(s.text) {
			n++
			for _, what := range slices.Sorted(maps.Keys(banned)) {
				if banned[what].MatchString(line) {
					complaints = append(complaints, fmt.Sprintf("%s:%d: names %s", s.path, n, what))
				}
			}
		}
	}
	return complaints
}

// checkDecisions: each page has its own four-digit number.
func checkDecisions(sources []source) (complaints []string) {
	name := regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)
	byNumber := map[string]string{}
	for _, s := range sources {
		if s.folder() != "docs/decisions" {
			continue
		}
		m := name.FindStringSubmatch(path.Base(s.path))
		if m == nil {
			complaints = append(complaints, s.path+": want a name such as 0001-dependencies.md")
			continue
		}
		if other, taken := byNumber[m[1]]; taken {
			complaints = append(complaints, fmt.Sprintf("%s: number %s is taken by %s", s.path, m[1], other))
		}
		byNumber[m[1]] = s.path
	}
	return complaints
}
