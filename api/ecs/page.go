package ecs

import (
	"encoding/base64"
	"fmt"
	"iter"
)

// page takes one page of at most limit keys from keys, which are in order, from
// nextToken on. The token of the following page is nil at the end. A token is
// opaque to clients; it survives the deletion of what it points at.
func page(keys iter.Seq[string], nextToken *string, limit int) ([]string, *string, error) {
	from := ""
	if nextToken != nil {
		b, err := base64.RawURLEncoding.DecodeString(*nextToken)
		if err != nil || len(b) == 0 {
			return nil, nil, invalid("Invalid token.")
		}
		from = string(b)
	}
	out := []string{}
	for key := range keys {
		if key < from {
			continue
		}
		if len(out) == limit {
			token := base64.RawURLEncoding.EncodeToString([]byte(key))
			return out, &token, nil
		}
		out = append(out, key)
	}
	return out, nil, nil
}

// pageSize checks maxResults; nil means most.
func pageSize(maxResults *int32, most int) (int, error) {
	if maxResults == nil {
		return most, nil
	}
	if *maxResults < 1 || int(*maxResults) > most {
		return 0, invalid(fmt.Sprintf("maxResults must be between 1 and %d.", most))
	}
	return int(*maxResults), nil
}
