// Package raw is what the grpc-go client and server share: messages as bytes, metadata from pairs.
package raw

import (
	"encoding/base64"
	"fmt"
	"log"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Codec hands messages through as they are.
type Codec struct{}

// Marshal takes a *[]byte.
func (Codec) Marshal(message any) ([]byte, error) {
	data, ok := message.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("wanted *[]byte, got %T", message)
	}
	return *data, nil
}

// Unmarshal fills a *[]byte with a copy: the library uses its buffer again.
func (Codec) Unmarshal(data []byte, message any) error {
	into, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("wanted *[]byte, got %T", message)
	}
	*into = append([]byte{}, data...)
	return nil
}

// Name is the content subtype, which servers take for protobuf's.
func (Codec) Name() string { return "proto" }

// ToMetadata takes pairs; values of keys that end in -bin are base64.
func ToMetadata(pairs [][2]string) metadata.MD {
	found := metadata.MD{}
	for _, pair := range pairs {
		value := pair[1]
		if strings.HasSuffix(pair[0], "-bin") {
			data, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				log.Fatalf("%s: %v", pair[0], err)
			}
			value = string(data)
		}
		found.Append(pair[0], value)
	}
	return found
}

// FromMetadata gives pairs, as ToMetadata takes them.
func FromMetadata(found metadata.MD) [][2]string {
	pairs := [][2]string{}
	for key, values := range found {
		for _, value := range values {
			if strings.HasSuffix(key, "-bin") {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			pairs = append(pairs, [2]string{key, value})
		}
	}
	return pairs
}
