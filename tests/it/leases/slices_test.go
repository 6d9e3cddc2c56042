package devenvlease

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Two tests that would be in each other's way without a lease: both make the same queue, side by side.
func TestSlices(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lease := Take(t, "")
			if !strings.HasSuffix(lease.Env["DATABASE_URL"], "/lease_"+lease.ID) {
				t.Errorf("not its own database: %s", lease.Env["DATABASE_URL"])
			}
			account := lease.Env["AWS_ACCESS_KEY_ID"]
			if url := makeQueue(t, account); !strings.Contains(url, "/"+account+"/") {
				t.Errorf("the queue of another account than %s: %s", account, url)
			}
		})
	}
}

func makeQueue(t *testing.T, account string) string {
	t.Helper()
	body := strings.NewReader(`{"QueueName":"jobs"}`)
	request, err := http.NewRequest(http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), body)
	if err != nil {
		t.Fatal(err)
	}
	scope := "Credential=" + account + "/20200101/us-east-1/sqs/aws4_request"
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+scope+", SignedHeaders=host, Signature=x")
	request.Header.Set("X-Amz-Target", "AmazonSQS.CreateQueue")
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var told struct{ QueueUrl string }
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	return told.QueueUrl
}
