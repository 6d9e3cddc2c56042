// Package devenvlease hands a test a slice of a running devenv environment: an AWS account, a database, a
// Redis database and a mail domain. It ends with the test, with the process, or when its time is up.
//
// AWS_ENDPOINT_URL says where the environment is: run the tests by `devenv exec -- go test ./...`.
package devenvlease

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// Lease is a slice of the environment.
type Lease struct {
	ID string `json:"id"`
	// Env is what `devenv env` says, pointed at the slice: AWS_ACCESS_KEY_ID, DATABASE_URL, REDIS_URL, …
	Env map[string]string `json:"env"`
}

// Take gives a lease that ends with the test. Its database is a copy of template, or of the profile's first
// one if that is empty.
func Take(t testing.TB, template string) Lease {
	t.Helper()
	address := os.Getenv("AWS_ENDPOINT_URL") + "/_devenv/leases"
	ask := map[string]any{"ttl": "10m", "pid": os.Getpid()}
	if template != "" {
		ask["template"] = template
	}
	body, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(address, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatalf("devenv does not answer: %v", err)
	}
	defer answer.Body.Close()
	var told struct {
		Leases []Lease `json:"leases"`
		Error  *struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if told.Error != nil || len(told.Leases) != 1 {
		t.Fatalf("devenv gives no lease: %+v", told.Error)
	}
	lease := told.Leases[0]
	t.Cleanup(func() {
		request, err := http.NewRequest(http.MethodDelete, address+"/"+lease.ID, nil)
		if err != nil {
			return
		}
		// If the environment is gone, so is the lease.
		if ended, err := http.DefaultClient.Do(request); err == nil {
			ended.Body.Close()
		}
	})
	return lease
}
