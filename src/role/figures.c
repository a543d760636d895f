#include "role/figures.h"

enum pf_code pf_figures_init(struct pf_figures *f, struct pf_child *child, struct pf_err *err)
{
    f->parts.loop = child->loop;
    f->parts.role = pf_crew_role_name(child->part->role)[0];
    f->parts.stats = pf_stats_new(err);
    return f->parts.stats ? PF_OK : PF_NO_MEMORY;
}

void pf_figures_desk(struct pf_figures *f, struct pf_child *child, int fd)
{
    struct pf_err err;

    pf_desk_serve_free(f->serve);
    f->serve = pf_desk_serve_new(&f->parts, fd, &err);
    if (!f->serve)
        pf_child_trouble(child, "desk", &err);
}

void pf_figures_end(struct pf_figures *f)
{
    if (f->serve)
        pf_desk_serve_bye(f->serve);
}

void pf_figures_free(struct pf_figures *f)
{
    pf_desk_serve_free(f->serve);
    f->serve = NULL;
    pf_stats_free(f->parts.stats);
    f->parts.stats = NULL;
}
