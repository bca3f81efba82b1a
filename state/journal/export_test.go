package journal

import "testing"

// Beside returns the journal as a second server has it that shares e's etcd.
func (e *Etcd) Beside(t *testing.T, dir string) *Etcd {
	d, err := openDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.close() })
	return &Etcd{cfg: e.cfg, dir: d, log: e.log, external: e.external, embedded: e.embedded}
}
