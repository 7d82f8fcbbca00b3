package hostapi_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI(t, &notebook{}, hostapi.Quotas{Reads: 5, Writes: 1, Fetches: 2, Burst: 2})
		other := admin
		other.ID = "other"
		elsewhere := admin
		elsewhere.Tenant = "elsewhere"
		granted := []hostapi.Grant{{Permission: "grades:read"}, {Permission: "http:api.example.org"}}
		guest := hostapi.WithCaller(as(t, admin), hostapi.Caller{Installation: "one", Grants: granted})
		guest2 := hostapi.WithCaller(as(t, admin), hostapi.Caller{Installation: "two", Grants: granted})

		// spend calls until the quota is used up and returns how often that went well.
		spend := func(ctx context.Context, door hostapi.Door, operation, in string) int {
			for n := range 100 {
				_, err := api.Serve(ctx, door, operation, []byte(in))
				if err == nil {
					continue
				}
				if after := trellis.RetryAfter(err); trellis.KindOf(err) != trellis.Exhausted || after <= 0 || after > 2*time.Second {
					t.Fatalf("%v, again after %v", err, after)
				}
				return n
			}
			return 100
		}
		inGo := string(addInGo)
		for _, tt := range []struct {
			name string
			got  int
			want int
		}{
			{"reads", spend(as(t, admin), hostapi.HTTPDoor, "notes.get", inGo), 10},
			{"another read of the same", spend(as(t, admin), hostapi.HTTPDoor, "notes.list", inGo), 0},
			{"writes", spend(as(t, admin), hostapi.HTTPDoor, "notes.add", inGo), 2},
			{"another person", spend(as(t, other), hostapi.HTTPDoor, "notes.get", inGo), 10},
			{"the same ID in another tenant", spend(as(t, elsewhere), hostapi.HTTPDoor, "notes.get", inGo), 10},
			{"an extension for that person", spend(guest, hostapi.GuestDoor, "notes.get", inGo), 10},
			{"another extension", spend(guest2, hostapi.GuestDoor, "notes.get", inGo), 10},
			{"requests", spend(guest, hostapi.GuestDoor, "notes.send", `{"host":"api.example.org"}`), 4},
			{"the system", spend(as(t, trellis.Actor{Tenant: "demo", Kind: trellis.SystemActor}), hostapi.HTTPDoor, "notes.get", inGo), 100},
		} {
			if tt.got != tt.want {
				t.Errorf("%s: %d calls, want %d", tt.name, tt.got, tt.want)
			}
		}

		_, err := api.Serve(as(t, admin), hostapi.HTTPDoor, "notes.get", addInGo)
		time.Sleep(trellis.RetryAfter(err)) // the bubble's time
		if _, err := api.Serve(as(t, admin), hostapi.HTTPDoor, "notes.get", addInGo); err != nil {
			t.Errorf("after the time that was said: %v", err)
		}
		time.Sleep(time.Minute)
		if got := spend(as(t, admin), hostapi.HTTPDoor, "notes.get", inGo); got != 10 {
			t.Errorf("after a minute: %d calls, want 10", got)
		}
	})
}

func TestWhatIsRefusedCostsNoQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI(t, &notebook{}, hostapi.Quotas{Reads: 1, Burst: 1})
		for range 10 {
			if _, err := api.Serve(as(t, staff), hostapi.HTTPDoor, "notes.get", []byte(`{"course":"elsewhere"}`)); trellis.KindOf(err) != trellis.NotFound {
				t.Fatal(err)
			}
		}
		if _, err := api.Serve(as(t, staff), hostapi.HTTPDoor, "notes.get", addInGo); err != nil {
			t.Error(err)
		}
	})
}
