// A guest that answers with its input. Build: see guest.h.
#include "guest.h"

EXPORT(echo) u64 echo(const char *in, u32 len) { return answer(in, len); }

// upper answers with the input's ASCII letters in upper case.
EXPORT(upper) u64 upper(char *in, u32 len) {
	for (u32 i = 0; i < len; i++)
		if (in[i] >= 'a' && in[i] <= 'z') in[i] -= 32;
	return answer(in, len);
}

// refuse answers with its input as an error.
EXPORT(refuse) u64 refuse(const char *in, u32 len) { return failure(in, len); }
