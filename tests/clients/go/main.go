// Tells which credential of the SDK's default chain gives a token, as one line of JSON:
//
//	chain [SCOPE]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

type report struct {
	// The chain's credential that gave the token.
	Credential *string `json:"credential"`
	Error      string  `json:"error"`
	Seconds    float64 `json:"seconds"`
	// Those of the chain that the log and the error tell of: all that failed, or, with a token, those that could not
	// be set up and the one that gave it.
	Tried []string `json:"tried"`
}

var (
	chosen = regexp.MustCompile(`^DefaultAzureCredential authenticated with (\w+)`)
	failed = regexp.MustCompile(`\n\t(\w+Credential)\b`)
)

func main() {
	scope := "https://management.azure.com/.default"
	if len(os.Args) > 1 {
		scope = os.Args[1]
	}
	answer := report{Tried: []string{}}
	tell := func(name string) {
		if !slices.Contains(answer.Tried, name) {
			answer.Tried = append(answer.Tried, name)
		}
	}
	var unset []string
	log.SetEvents(azidentity.EventAuthentication)
	log.SetListener(func(_ log.Event, message string) {
		if found := chosen.FindStringSubmatch(message); found != nil {
			answer.Credential = &found[1]
			return
		}
		for _, found := range failed.FindAllStringSubmatch(message, -1) {
			unset = append(unset, found[1])
		}
	})

	start := time.Now()
	err := token(scope)
	answer.Seconds = float64(time.Since(start).Milliseconds()) / 1000
	if err != nil {
		answer.Error = err.Error()
		for _, found := range failed.FindAllStringSubmatch(answer.Error, -1) {
			tell(found[1])
		}
	}
	if answer.Credential != nil {
		for _, name := range unset {
			tell(name)
		}
		tell(*answer.Credential)
	}
	line, err := json.Marshal(answer)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(string(line))
	if answer.Credential == nil {
		os.Exit(1)
	}
}

func token(scope string) error {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return err
	}
	_, err = credential.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{scope}})
	return err
}
