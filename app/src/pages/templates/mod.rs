//! Templates: which there are, and one of them with its files and the form that makes a service of it.

mod make_form;

use api::{Permission, Template, TemplateDetail};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use self::make_form::MakeForm;
use super::wait::wait;
use crate::components::{Empty, Failure, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::rpc::{TemplatePage, get_template, list_templates};
use crate::viewer::Viewer;

/// The page: `/templates` is the list, `/templates/{id}` one of them.
#[component]
pub fn TemplatesPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get_str("id").filter(|id| !id.is_empty()).map(str::to_owned)));
    let all =
        Resource::new(move || id.with(Option::is_none), |wanted| async move { if wanted { Some(list_templates().await) } else { None } });
    let one = Resource::new(move || id.get(), |id| async move { Some(get_template(id?).await) });
    shown(move || match id.get() {
        None => view! {
            <PageHead title="Templates" about="A service is made of one in a moment: its files, and the schema of its configuration.".erase() />
            <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(all).await {
                        None => ().erase(),
                        Some(Ok(page)) if page.items.is_empty() => none(),
                        Some(Ok(page)) => list(page.items),
                        Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
        }
        .erase(),
        Some(_) => view! {
            <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(one).await {
                        None => ().erase(),
                        Some(Ok(page)) => view! { <OneTemplate page /> }.erase(),
                        Some(Err(error)) => view! { <PageHead title="Template" about=back() /> <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
        }
        .erase(),
    })
    .erase()
}

fn none() -> Erased {
    let text = view! { <p><a href=path::NEW_SERVICE>"Make a service of what is there"</a></p> };
    view! { <Empty symbol=Symbol::Copy title="There are no templates" text=text.erase() /> }.erase()
}

fn back() -> Erased {
    view! { <a href=path::TEMPLATES>"All templates"</a> }.erase()
}

fn list(templates: Vec<Template>) -> Erased {
    let row = |template: Template| {
        view! {
            <tr>
                <th scope="row"><a href=path::template(&template.id)>{template.name}</a></th>
                <td class="wrap">{template.description}</td>
                <td>{template.version}</td>
                <td>{template.services_count}</td>
            </tr>
        }
        .erase()
    };
    let rows = templates.into_iter().map(row).collect_view();
    view! {
        <div class="table-frame">
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of templates">
                <table class="table">
                    <thead>
                        <tr><th scope="col">"Template"</th><th scope="col">"What is made"</th><th scope="col">"Version"</th><th scope="col">"Services"</th></tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </div>
    }
    .erase()
}

/// One template.
#[component]
fn OneTemplate(
    /// What there is of it.
    page: TemplatePage,
) -> impl IntoView {
    let TemplatePage { template, fields } = page;
    let TemplateDetail { template, files, services, .. } = template;
    let about = view! { {template.description.clone()}" Version "{template.version}" · "{back()} }.erase();
    let make = match expect_context::<Viewer>().may(Permission::ServicesCreate) {
        true => view! { <MakeForm id=template.id.clone() fields /> }.erase(),
        false => view! { <p class="panel-empty">"Your role may not make services. Ask a Developer or an Admin."</p> }.erase(),
    };
    let newest = template.version;
    let used = services.into_iter().map(|used| {
        let older = (used.version < newest).then(|| format!(" of version {}", used.version));
        view! { <li><a href=path::service(used.id)>{used.name}</a>{older}</li> }.erase()
    });
    let used = match template.services_count {
        0 => view! { <p>"None yet."</p> }.erase(),
        _ => view! { <ul>{used.collect_view()}</ul> }.erase(),
    };
    let file = |file: api::TemplateFile| {
        let label = format!("Content of {}", file.name);
        view! {
            <details class="form-part">
                <summary><samp>{file.name}</samp></summary>
                <pre class="check-output" tabindex="0" role="region" aria-label=label>{file.content}</pre>
            </details>
        }
        .erase()
    };
    view! {
        <PageHead title=template.name about />
        <div class="settings">
            <section class="panel" aria-labelledby="template-make">
                <header class="panel-head"><h2 class="panel-title" id="template-make">"Make a service"</h2></header>
                {make}
            </section>
            <section class="panel" aria-labelledby="template-files">
                <header class="panel-head"><h2 class="panel-title" id="template-files">"Files"</h2></header>
                <div class="panel-empty">{files.into_iter().map(file).collect_view()}</div>
            </section>
            <section class="panel" aria-labelledby="template-services">
                <header class="panel-head"><h2 class="panel-title" id="template-services">"Services made of it"</h2></header>
                <div class="panel-empty">{used}</div>
            </section>
        </div>
    }
    .erase()
}
