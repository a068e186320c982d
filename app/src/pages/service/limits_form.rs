//! What a service may use at most: the part of its settings.

use leptos::prelude::*;

use crate::components::{Field, Takes};
use crate::erase::Erase;

/// A field for each limit; an empty one is none.
#[component]
pub fn LimitsForm(
    /// What is in its fields at first: memory, CPU, processes and open files.
    texts: [String; 4],
) -> impl IntoView {
    let [memory, cpu, processes, files] = texts;
    view! {
        <fieldset class="form-part" id="limits">
            <legend>"Limits"</legend>
            <p class="field-hint">"For all that it runs together, from its next start on. What is empty has no limit."</p>
            <div class="form-row">
                <Field name="form[limit_memory]" label="Memory" takes=Takes::Line(32, false) value=memory example="512 MiB" hint="More is killed." />
                <Field name="form[limit_cpu]" label="CPU, in % of a core" takes=Takes::NumberOrNothing(1, 102_400) value=cpu example="150" hint="More is slowed down." />
                <Field name="form[limit_processes]" label="Processes and threads" takes=Takes::NumberOrNothing(1, 4_194_304) value=processes example="100" hint="More can't be started." />
                <Field name="form[limit_files]" label="Open files, of each" takes=Takes::NumberOrNothing(64, 1_048_576) value=files example="1024" hint="Connections count too." />
            </div>
        </fieldset>
    }
    .erase()
}
