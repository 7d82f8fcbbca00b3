package web_test

import (
	"fmt"
	"io"
	"net/http/httptest"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

func Example() {
	s := web.New(web.Config{Authenticator: people{}, Tenants: tenants{}})
	err := s.Mount(web.Route{
		Method: "GET", Path: "/api/v1/courses/:course", Name: "courses.get", Summary: "A course.",
		Handle: func(c *fiber.Ctx) error {
			course, err := web.Param(c, "course")
			if err != nil {
				return err
			}
			return web.JSON(c, 200, map[string]string{"course": course, "tenant": trellis.ActorFrom(web.Context(c)).Tenant})
		},
	})
	if err != nil {
		panic(err)
	}
	req := httptest.NewRequest("GET", "/t/demo/api/v1/courses/course-v1:A+B+C", nil)
	req.Header.Set("Authorization", "Bearer demo-learner")
	res, err := s.App().Test(req, -1)
	if err != nil {
		panic(err)
	}
	raw, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(raw))
	// Output: 200 {"course":"course-v1:A+B+C","tenant":"demo"}
}
