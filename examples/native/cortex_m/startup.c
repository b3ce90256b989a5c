/* What a Cortex-M runs before main: it sets up memory and the floating-point unit.
 *
 * A board's own support package has all of this; use that instead on real hardware. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern uint32_t link_stack_top, link_data_start, link_data_end, link_data_load, link_bss_start, link_bss_end;
extern void initialise_monitor_handles(void); /* of the C library: printf goes to the debugger, or the emulator */
int main(void);

#define CPACR (*(volatile uint32_t *)0xE000ED88u)

void reset(void);

void reset(void) {
    CPACR |= 0xFu << 20; /* the floating-point unit and vectors may be used */
    __asm volatile("dsb\n\tisb");
    memcpy(&link_data_start, &link_data_load, (size_t)((char *)&link_data_end - (char *)&link_data_start));
    memset(&link_bss_start, 0, (size_t)((char *)&link_bss_end - (char *)&link_bss_start));
    initialise_monitor_handles();
    {
        int status = main();
        fflush(NULL);
        _exit(status);
    }
}

static void fault(void) {
    _exit(3);
}

/* The table of vectors: where the stack is, what runs first, and what runs when something goes wrong. */
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &link_stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
