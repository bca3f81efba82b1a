package logs

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/logstore"
)

// tokenMark tells a token of ours from any other text that happens to be base64.
const tokenMark = "next:"

// tokenFor is an opaque token that points at a name.
func tokenFor(name string) *string {
	return aws.String(base64.RawURLEncoding.EncodeToString([]byte(tokenMark + name)))
}

// nameIn is the name that a token points at; empty without one.
func nameIn(token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	name, ours := strings.CutPrefix(string(b), tokenMark)
	if err != nil || !ours {
		return "", badToken()
	}
	return name, nil
}

func badToken() error { return invalid("The specified nextToken is invalid.") }

// number is p as one number: the order of numbers is that of positions.
func number(p logstore.Position) *big.Int {
	n := big.NewInt(p.Time)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(p.Stream))
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(p.Seq))
}

func positionOf(n *big.Int) (p logstore.Position, ok bool) {
	low := new(big.Int).SetUint64(1<<64 - 1)
	p.Seq = new(big.Int).And(n, low).Uint64()
	p.Stream = new(big.Int).And(new(big.Int).Rsh(n, 64), low).Uint64()
	time := new(big.Int).Rsh(n, 128)
	p.Time = time.Int64()
	return p, n.Sign() >= 0 && time.IsInt64() && p.Time < 1<<50
}

// eventID names an event in its group, as AWS does with 56 digits.
func eventID(p logstore.Position) *string { return aws.String(fmt.Sprintf("%056d", number(p))) }

// eventToken points at a position in a stream, as AWS's f/… and b/… do: the
// forward direction goes on after it, the backward one before.
func eventToken(direction byte, p logstore.Position) *string {
	return aws.String(fmt.Sprintf("%c/%056d/s", direction, number(p)))
}

func parseEventToken(token string) (direction byte, p logstore.Position, err error) {
	for _, d := range []byte("fb") {
		digits, isOne := strings.CutPrefix(strings.TrimSuffix(token, "/s"), string(d)+"/")
		if n, ok := new(big.Int).SetString(digits, 10); isOne && ok && len(digits) == 56 {
			if p, ok = positionOf(n); ok {
				return d, p, nil
			}
		}
	}
	return 0, p, badToken()
}
