package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files keeps one file for each task in a directory.
type files struct{ dir string }

func openFiles(dir string) (files, error) {
	return files{dir}, os.MkdirAll(dir, 0o700)
}

func (f files) path(id string) string { return filepath.Join(f.dir, id+".json") }

// save writes a task's file as a whole or not at all; synced, it survives that
// the machine goes down.
func (f files) save(t *Task, synced bool) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	fresh := f.path(t.ID()) + ".new"
	if err := write(fresh, text, synced); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, f.path(t.ID())); err != nil {
		return err
	}
	if !synced {
		return nil
	}
	dir, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func write(path string, text []byte, synced bool) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(text); err != nil {
		return err
	}
	if synced {
		if err := file.Sync(); err != nil {
			return err
		}
	}
	return file.Close()
}

// remove forgets a task.
func (f files) remove(id string) error {
	if err := os.Remove(f.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// load reads all tasks. A file that the machine's end left damaged is put
// aside, and told of in damaged; the control plane still knows the task.
func (f files) load() (tasks []Task, damaged []error, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		path := filepath.Join(f.dir, entry.Name())
		if filepath.Ext(path) != ".json" {
			if strings.HasSuffix(path, ".new") {
				os.Remove(path) // of a save that did not end
			}
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		var t Task
		if err := json.Unmarshal(text, &t); err != nil || f.path(t.ID()) != path || len(t.Containers) != len(t.Payload.Containers) {
			damaged = append(damaged, fmt.Errorf("%s holds no task, and is now %s.damaged: %w", path, path, err))
			if err := os.Rename(path, path+".damaged"); err != nil {
				return nil, nil, err
			}
			continue
		}
		tasks = append(tasks, t)
	}
	return tasks, damaged, nil
}
