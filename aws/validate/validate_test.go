package validate

import (
	"strings"
	"testing"
)

type color string

func TestCheck(t *testing.T) {
	text := func(s string) *string { return &s }
	number := func(n int32) *int32 { return &n }
	const one = "1 validation error detected: "
	for want, limits := range map[string][]Limit{
		"": {
			Text{Member: "name", Value: text("web"), Required: true, Min: 1, Max: 3, Pattern: "[a-z]+"}, Text{Member: "path", Min: 1},
			Text{Member: "any", Value: text("\n")}, Number{"age", nil, 1, 2}, Number{"age", number(2), 1, 2},
			OneOf("color", color(""), []color{"red"}), OneOf("color", color("red"), []color{"red"}), Count{"tags", 2, 1, 2},
		},
		one + "Value null at 'name' failed to satisfy constraint: Member must not be null": {
			Text{Member: "name", Required: true, Min: 1}},
		one + "Value 'wéb' at 'name' failed to satisfy constraint: Member must have length less than or equal to 2": {
			Text{Member: "name", Value: text("wéb"), Min: 1, Max: 2}},
		one + "Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 9": {
			Text{Member: "value", Value: text("secret"), Min: 9, Secret: true}},
		one + "Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+|b": {
			Text{Member: "name", Value: text("a b"), Pattern: "[a-z]+|b"}},
		"2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
			"Value '3' at 'age' failed to satisfy constraint: Member must have value less than or equal to 2": {
			Text{Member: "name", Value: text(""), Min: 1}, Number{"age", number(3), 1, 2}},
		one + "Value '0' at 'age' failed to satisfy constraint: Member must have value greater than or equal to 1": {
			Number{"age", number(0), 1, 2}},
		one + "Value 'blue' at 'color' failed to satisfy constraint: Member must satisfy enum value set: [red, green]": {
			OneOf("color", color("blue"), []color{"red", "green"})},
		one + "Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 2": {
			Count{"tags", 3, 1, 2}},
		one + "Value at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1": {
			Count{"tags", 0, 1, 2}},
		one + "Value '" + strings.Repeat("x", 300) + "…' at 'name' failed to satisfy constraint: Member must have length less than or equal to 2": {
			Text{Member: "name", Value: text(strings.Repeat("x", 1000)), Max: 2}},
	} {
		got := ""
		if err := Check("ValidationError", limits...); err != nil {
			got = strings.TrimPrefix(err.Error(), "api error ValidationError: ")
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
