// Command bootstrap serves a small API with gin, through aws-lambda-go-api-proxy: payload 1.0 from the REST API, 2.0 from the HTTP API.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	ginadapter "github.com/awslabs/aws-lambda-go-api-proxy/gin"
	"github.com/gin-gonic/gin"
)

func router() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/cookies", func(c *gin.Context) {
		c.SetCookie("a", "1", 0, "", "", false, false)
		c.SetCookie("b", "2", 0, "", "", false, false)
		c.JSON(http.StatusOK, gin.H{"got": strings.Join(c.Request.Header["Cookie"], "; ")}) // the adapter makes a line of each cookie
	})
	r.GET("/session", func(c *gin.Context) {
		c.Writer.Header().Add("Set-Cookie", "sid=abc; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT; HttpOnly")
		c.Writer.Header().Add("Set-Cookie", "seen=1; Path=/; Max-Age=60")
		c.Status(http.StatusNoContent)
	})
	r.GET("/query", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"x": c.QueryArray("x")}) })
	r.GET("/path/:name", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"name": c.Param("name")}) })
	r.GET("/headers", func(c *gin.Context) {
		c.Writer.Header()["X-Multi"] = []string{"one", "two"}
		c.JSON(http.StatusOK, gin.H{"in": strings.Join(c.Request.Header["X-In"], ",")})
	})
	r.POST("/json", func(c *gin.Context) {
		var v any
		if err := c.BindJSON(&v); err == nil {
			c.JSON(http.StatusOK, v)
		}
	})
	r.PUT("/item/:id", item)
	r.PATCH("/item/:id", item)
	r.DELETE("/item/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	r.POST("/bytes", func(c *gin.Context) {
		body, err := c.GetRawData()
		if err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		c.Data(http.StatusOK, "application/octet-stream", body)
	})
	r.GET("/gzip", compressed)
	r.GET("/large", func(c *gin.Context) { c.String(http.StatusOK, strings.Repeat("x", 1_000_000)) })
	r.POST("/form", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"name": c.PostForm("name")}) })
	r.GET("/redirect", func(c *gin.Context) { c.Redirect(http.StatusFound, "/elsewhere") })
	r.GET("/teapot", func(c *gin.Context) { c.String(http.StatusTeapot, "short and stout") })
	r.GET("/boom", func(*gin.Context) { panic("boom") })
	return r
}

func item(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"method": c.Request.Method, "id": c.Param("id")})
}

func compressed(c *gin.Context) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte("small when wet"))
	z.Close()
	c.Header("Content-Encoding", "gzip")
	c.Data(http.StatusOK, "text/plain", b.Bytes())
}

func main() {
	v1, v2 := ginadapter.New(router()), ginadapter.NewV2(router())
	lambda.Start(func(ctx context.Context, event json.RawMessage) (any, error) {
		var version struct{ Version string }
		if err := json.Unmarshal(event, &version); err != nil {
			return nil, err
		}
		if version.Version == "2.0" {
			var r events.APIGatewayV2HTTPRequest
			if err := json.Unmarshal(event, &r); err != nil {
				return nil, err
			}
			return v2.ProxyWithContext(ctx, r)
		}
		var r events.APIGatewayProxyRequest
		if err := json.Unmarshal(event, &r); err != nil {
			return nil, err
		}
		return v1.ProxyWithContext(ctx, r)
	})
}
