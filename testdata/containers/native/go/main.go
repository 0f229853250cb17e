// Command bootstrap is a function whose answer C copies. Where the C library has strlcpy it is taken from there, as of glibc 2.38: a program that was
// built on such a system does not start on Lambda, whose C library is older.
package main

/*
#include <stdlib.h>
#include <string.h>

#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 38)
static size_t strlcpy(char *to, const char *from, size_t size) {
	size_t n = strlen(from);
	if (size > 0) {
		size_t m = n < size ? n : size - 1;
		memcpy(to, from, m);
		to[m] = 0;
	}
	return n;
}
#endif

static char *copy(const char *from) {
	size_t size = strlen(from) + 1;
	char *to = malloc(size);
	strlcpy(to, from, size);
	return to;
}
*/
import "C"

import (
	"context"
	"unsafe"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func handle(_ context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	from := C.CString("native " + e.RawPath)
	to := C.copy(from)
	body := C.GoString(to)
	C.free(unsafe.Pointer(from))
	C.free(unsafe.Pointer(to))
	return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: body}, nil
}

func main() { lambda.Start(handle) }
