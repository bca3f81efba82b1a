// Package seal keeps secret values unreadable wherever the state is written: in
// the journal, in snapshots, in backups of either.
//
// A [Box] seals with AES-256-GCM under a key that is never in the state. Each
// value is bound to what it is the value of, so that nobody who can write the
// journal can put one in another's place. Used by the APIs that keep secrets.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Value is a sealed value as records hold it: the id of its key, a colon, and
// nonce and ciphertext in base64.
type Value string

// KeyID is the id of the key that v was sealed with.
func (v Value) KeyID() string {
	id, _, _ := strings.Cut(string(v), ":")
	return id
}

// Box seals values with its first key and opens those of all its keys. A box
// without keys can do neither, and says so.
type Box struct {
	keys []key
	lost []string // ids of keys that are given up
}

type key struct {
	id   string
	aead cipher.AEAD
	text string // as in a file
}

// keySize is that of AES-256, in bytes.
const keySize = 32

// NewBox returns a box with a new key.
func NewBox() *Box {
	raw := make([]byte, keySize)
	rand.Read(raw) // never fails, by its documentation
	k, err := newKey(raw)
	if err != nil { // the size is right
		panic(err)
	}
	return &Box{keys: []key{k}}
}

func newKey(raw []byte) (key, error) {
	if len(raw) != keySize {
		return key{}, fmt.Errorf("a key has %d bytes, want %d", len(raw), keySize)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	sum := sha256.Sum256(append([]byte("berth encryption key\x00"), raw...))
	return key{hex.EncodeToString(sum[:4]), aead, base64.StdEncoding.EncodeToString(raw)}, err
}

// Knows reports whether b has the key of that id, or knows that it is lost.
func (b *Box) Knows(id string) bool { return b.find(id) != nil || slices.Contains(b.lost, id) }

func (b *Box) find(id string) *key {
	for i := range b.keys {
		if b.keys[i].id == id {
			return &b.keys[i]
		}
	}
	return nil
}

// Unusable says that a value cannot be sealed or opened for want of a key.
type Unusable struct{ reason string }

func (u *Unusable) Error() string { return u.reason }

// Public is what a user may know of it: all, as it names no secret.
func (u *Unusable) Public() string { return u.reason }

// Seal returns text unreadable. To open it takes the same name: of what it is
// the value of.
func (b *Box) Seal(text, name string) (Value, error) {
	if len(b.keys) == 0 {
		return "", &Unusable{"This control plane has no encryption key and so keeps no secrets: start every server of it with --encryption-key-file."}
	}
	k := b.keys[0]
	nonce := make([]byte, k.aead.NonceSize())
	rand.Read(nonce) // never fails, by its documentation
	sealed := k.aead.Seal(nonce, nonce, []byte(text), []byte(name))
	return Value(k.id + ":" + base64.StdEncoding.EncodeToString(sealed)), nil
}

// Open returns the text that was sealed under a name. Its error is an *Unusable
// if the key is not in the box.
func (b *Box) Open(v Value, name string) (string, error) {
	id, text, _ := strings.Cut(string(v), ":")
	k := b.find(id)
	if k == nil && slices.Contains(b.lost, id) {
		return "", &Unusable{fmt.Sprintf("This value was sealed with the encryption key %s, which is lost: put it again.", id)}
	}
	if k == nil {
		return "", &Unusable{fmt.Sprintf("This value was sealed with the encryption key %s, which this server does not have.", id)}
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) < k.aead.NonceSize() {
		return "", errors.New("a sealed value is damaged")
	}
	n := k.aead.NonceSize()
	plain, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return "", fmt.Errorf("open the value of %s: %w", name, err)
	}
	return string(plain), nil
}
