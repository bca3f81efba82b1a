package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/iam"
	"berth/state"
)

func TestRootKey(t *testing.T) {
	given := state.AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	old := state.AccessKey{ID: "AKIAOLDOLDOLDOLDOLD1", Secret: "old", Principal: iam.Root(Default().Account).ARN}
	other := state.AccessKey{ID: "AKIAOTHEROTHEROTHER1", Secret: "other", Principal: "arn:aws:iam::123456789012:user/other"}

	for _, tc := range []struct {
		name   string
		before []state.AccessKey
		given  state.AccessKey
		want   string // id; "made" for a new one
		keys   int    // left in the state
	}{
		{"the first start makes one", nil, state.AccessKey{}, "made", 1},
		{"later starts keep it", []state.AccessKey{old}, state.AccessKey{}, old.ID, 1},
		{"a given one replaces it", []state.AccessKey{old}, given, given.ID, 1},
		{"a given one with another secret replaces it", []state.AccessKey{{ID: given.ID, Secret: "old", Principal: old.Principal}}, given, given.ID, 1},
		{"a given one is the first", nil, given, given.ID, 1},
		{"keys of others stay", []state.AccessKey{other}, given, given.ID, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := state.NewMemory()
			err := store.Update(t.Context(), func(tx *state.Tx) error {
				for _, key := range tc.before {
					tx.AccessKeys.Put(tx, key)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			cfg := Default()
			cfg.RootAccessKeyID, cfg.RootSecretKey = tc.given.ID, tc.given.Secret
			s, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			key, err := s.rootKey(t.Context(), store)
			if err != nil {
				t.Fatal(err)
			}
			if made := len(tc.before) == 0 && tc.given.ID == ""; key.ID != tc.want && !(made && tc.want == "made" && len(key.Secret) == 40) {
				t.Errorf("root's key is %s, want %s", key.ID, tc.want)
			}
			if tc.given.ID != "" && key.Secret != tc.given.Secret {
				t.Errorf("its secret is %s, want the given one", key.Secret)
			}
			if n := store.View().AccessKeys.Len(); n != tc.keys {
				t.Errorf("%d keys are left, want %d", n, tc.keys)
			}
			credential, err := credentials(store, cfg.Account)(t.Context(), key.ID, "")
			if err != nil || credential.Secret != key.Secret || !credential.Principal.Root {
				t.Errorf("it signs as %+v, %v", credential.Principal, err)
			}
			if _, err := credentials(store, cfg.Account)(t.Context(), other.ID, ""); err == nil {
				t.Error("a key that is not root's signs as root")
			}
		})
	}
}

// Who starts with another account or region by mistake must not get an empty
// account beside the old one.
func TestStateOfAnother(t *testing.T) {
	cluster := func(arn string) func(*state.Tx) {
		return func(tx *state.Tx) { tx.Clusters.Put(tx, state.Cluster{ARN: arn}) }
	}
	for _, tc := range []struct {
		name string
		put  func(*state.Tx)
		want string // in the error; empty: it is ours
	}{
		{"empty", func(*state.Tx) {}, ""},
		{"ours", cluster("arn:aws:ecs:us-east-1:123456789012:cluster/a"), ""},
		{"another region's", cluster("arn:aws:ecs:eu-west-1:123456789012:cluster/a"), "start with --region eu-west-1"},
		{"another account's", cluster("arn:aws:ecs:us-east-1:999999999999:cluster/a"), "start with --account-id 999999999999"},
		{"another account's key", func(tx *state.Tx) {
			tx.AccessKeys.Put(tx, state.AccessKey{ID: "a", Principal: iam.Root("999999999999").ARN})
		}, "start with --account-id 999999999999"},
		{"another region's task definition", func(tx *state.Tx) {
			arn := "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1"
			tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{TaskDefinitionArn: &arn}})
		}, "start with --region eu-west-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := state.NewMemory()
			if err := store.Update(t.Context(), func(tx *state.Tx) error { tc.put(tx); return nil }); err != nil {
				t.Fatal(err)
			}
			s, err := New(Default())
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.rootKey(t.Context(), store)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// What is logged at the start names no secret.
func TestConfigLogsNoSecrets(t *testing.T) {
	cfg := Default()
	cfg.Etcd.Password, cfg.RootAccessKeyID, cfg.RootSecretKey = "s3cret", "AKIAIOSFODNN7EXAMPLE", "s3cret"
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("starting", "config", cfg)
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "config.data_dir=/var/lib/berth") {
		t.Error(text)
	}
}
